"""Windows of random size, changed colours and smoothed labels: as the field's own code has them."""

from __future__ import annotations

from colorsys import hsv_to_rgb, rgb_to_hsv
from itertools import starmap

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from torch import Tensor

from ticket_hub.data.augmentation import Augmentation, augmented
from ticket_hub.data.colours import jittered
from ticket_hub.data.windows import DRAWS, windows, zoomed
from ticket_hub.errors import RecipeError
from ticket_hub.recipe import DataSpec, load_recipe

SPEC = DataSpec(name="any", crop="resized", flip=True)


def some_words(*shape: int) -> Tensor:
    return torch.randint(0, 2**32, shape, generator=torch.Generator().manual_seed(3))


def some_images(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    small = torch.rand(count, 3, 8, 8, generator=generator)  # smooth, as pictures are
    large = torch.nn.functional.interpolate(small, size=(48, 48), mode="bicubic")
    return (large.clamp(0, 1) * 255).to(torch.uint8)


def test_windows_have_the_sizes_and_places_that_are_asked_for() -> None:
    found = windows(some_words(20_000, DRAWS), 256, 341, SPEC).double()
    top, left, tall, wide = found.unbind(1)
    assert (top + tall <= 256).all()
    assert (left + wide <= 341).all()
    assert found.min() >= 0
    share, ratio = tall * wide / (256 * 341), wide / tall
    assert 0.075 < share.min() < 0.085
    assert share.max() > 0.95
    assert 0.73 < ratio.min() < 0.77
    assert 1.3 < ratio.max() < 1.36
    fitting = share < 0.5  # all such windows fit, so that none is drawn again
    assert share[fitting].mean() == pytest.approx((0.08 + 0.5) / 2, abs=0.01)
    assert ratio[fitting].log().mean() == pytest.approx(0, abs=0.01)
    free = (256 - tall[fitting]).clamp(min=1)
    assert (top[fitting] / free).mean() == pytest.approx(0.5, abs=0.02)


def test_where_no_window_fits_the_middle_is_taken() -> None:
    spec = DataSpec(name="any", crop="resized", crop_scale=(1.0, 1.0), crop_ratio=(1.0, 1.0))
    assert windows(some_words(2, DRAWS), 100, 301, spec).tolist() == [[0, 100, 100, 100]] * 2


def test_a_window_is_scaled_as_pillow_scales_it() -> None:
    images = some_images(16)
    found = windows(some_words(16, DRAWS), 48, 48, SPEC)
    for image, made, place in zip(images, zoomed(images, found), found.tolist(), strict=True):
        top, left, tall, wide = place
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        window = picture.crop((left, top, left + wide, top + tall))
        scaled = window.resize((48, 48), Image.Resampling.BILINEAR)
        theirs = torch.from_numpy(np.array(scaled)).permute(2, 0, 1)
        assert (made.int() - theirs.int()).abs().max() <= 1


def test_a_resized_crop_depends_on_nobody_else() -> None:
    images, indices = some_images(6), torch.arange(6)
    spec = DataSpec(name="any", crop="resized", flip=True, jitter={"brightness": 0.4})
    stack = Augmentation(spec, [(1, 0), (2, 3)], "cpu")(
        images.expand(2, *images.shape).contiguous(), indices.expand(2, 6), 5
    )
    alone = augmented(images[2:4], indices[2:4], spec, seed=2, level=3, epoch=5)
    assert torch.equal(stack[1, 2:4], alone)
    assert not torch.equal(stack[0], stack[1])


@pytest.mark.parametrize(
    ("name", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
def test_colours_change_as_pillow_changes_them(
    name: str, enhance: type[ImageEnhance.Brightness]
) -> None:
    images = some_images(3)
    words = torch.tensor([[0], [2**31], [2**32 - 1]])
    made = jittered(images, words, {name: 0.4})
    assert torch.equal(made[1], images[1]), "the middle of the range changes nothing"
    for image, ours, factor in zip(images, made, (0.6, 1.0, 1.4), strict=True):
        picture = enhance(Image.fromarray(image.permute(1, 2, 0).numpy())).enhance(factor)
        theirs = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        assert (ours.int() - theirs.int()).abs().max() <= 2


def test_hues_turn_as_the_standard_library_turns_them() -> None:
    images = some_images(2)
    for word, turn in ((0, -0.2), (2**31, 0.0), (2**31 + 2**30, 0.1)):
        made = jittered(images, torch.full((2, 1), word), {"hue": 0.2})
        for ours, image in zip(made, images, strict=True):
            pixels = image.flatten(1).T[::7] / 255
            turned = [
                hsv_to_rgb((h + turn) % 1, s, v) for h, s, v in starmap(rgb_to_hsv, pixels.tolist())
            ]
            theirs = torch.tensor(turned) * 255
            assert (ours.flatten(1).T[::7] - theirs).abs().max() <= 0.51
    grey = images[:, :1]
    assert torch.equal(jittered(grey, torch.zeros(2, 1, dtype=torch.int64), {"hue": 0.5}), grey)
    same = grey.expand(-1, 3, -1, -1)
    assert torch.equal(jittered(same, torch.zeros(2, 1, dtype=torch.int64), {"hue": 0.5}), same)


def test_recipes_keep_their_digests_and_refuse_what_cannot_be() -> None:
    recipe = load_recipe("conv2-cifar10")
    assert "jitter" not in recipe.to_toml()
    assert recipe.replace({"data.crop_scale": (0.08, 1.0)}).digest == recipe.digest
    assert recipe.replace({"training.label_smoothing": 0.1}).digest != recipe.digest
    for change in (
        {"data.crop": "zoomed"},
        {"data.crop_scale": (0.5, 0.1)},
        {"data.jitter": {"hue": 0.6}},
        {"data.jitter": {"gamma": 0.1}},
        {"data.short_side": 256},
        {"training.label_smoothing": 1.0},
        {"training.mixup": -0.1},
    ):
        with pytest.raises(RecipeError, match=next(iter(change))):
            recipe.replace(change)
