from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from ticket_hub.data import DataSet, Part, adapted, normalized
from ticket_hub.data.adaptation import resized
from ticket_hub.data.preparation import split
from ticket_hub.errors import DataError
from ticket_hub.recipe import DataSpec

sides = st.integers(1, 40)


def some_images(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def some_data(channels: int = 3, side: int = 8) -> DataSet:
    train, test = (
        Part(inputs=some_images(n, channels, side, side, seed=n), labels=torch.arange(n) % 5)
        for n in (40, 15)
    )
    return split(DataSpec(name="any", normalize="standard", validation=10), train, test, 5)


@settings(max_examples=60)
@given(sides, sides, sides, sides)
def test_resizing_agrees_with_pillow_up_to_its_double_rounding(
    height: int, width: int, new_height: int, new_width: int
) -> None:
    image = some_images(1, 1, height, width)
    ours = resized(image, new_height, new_width)[0, 0].int()
    theirs = Image.fromarray(image[0, 0].numpy()).resize(
        (new_width, new_height), Image.Resampling.BILINEAR
    )
    assert (ours - torch.from_numpy(np.array(theirs)).int()).abs().max() <= 1


@settings(max_examples=30)
@given(sides, sides, st.integers(0, 255))
def test_a_flat_image_stays_flat(side: int, new_side: int, value: int) -> None:
    image = torch.full((2, 3, side, side), value, dtype=torch.uint8)
    assert torch.equal(
        resized(image, new_side, side), torch.full((2, 3, new_side, side), value, dtype=torch.uint8)
    )


@settings(max_examples=30)
@given(st.integers(1, 20), st.integers(1, 20))
def test_resizing_is_exact_rational_arithmetic(height: int, new_height: int) -> None:
    """The matrix product in float64 equals the same sum over Python's integers."""
    from ticket_hub.data.adaptation import _filter

    image = some_images(1, 1, height, 3)
    rows, columns = _filter(height, new_height).long().tolist(), _filter(3, 5).long().tolist()
    pixels = image[0, 0].tolist()
    expected = [
        [
            (
                sum(row[y] * column[x] * pixels[y][x] for y in range(height) for x in range(3))
                + 2**43
            )
            // 2**44
            for column in columns
        ]
        for row in rows
    ]
    assert resized(image, new_height, 5)[0, 0].tolist() == expected


def test_resizing_does_not_depend_on_the_rest_of_the_batch() -> None:
    images = some_images(30, 3, 28, 28)
    whole = resized(images, 32, 20)
    assert torch.equal(resized(images[11:12], 32, 20), whole[11:12])


def test_the_resized_pixels_never_change() -> None:
    image = (torch.arange(64) * 4).to(torch.uint8).view(1, 1, 8, 8)
    assert resized(image, 3, 3)[0, 0].tolist() == [[40, 49, 59], [116, 126, 136], [193, 203, 212]]
    assert resized(image[:, :, :2, :2], 3, 3)[0, 0].tolist() == [
        [0, 2, 4],
        [16, 18, 20],
        [32, 34, 36],
    ]


def test_grey_becomes_colour_by_repetition() -> None:
    data = some_data(channels=1)
    fitted = adapted(data, channels=3, height=8, width=8)
    assert fitted.input_shape == (3, 8, 8)
    for part, original in ((fitted.train, data.train), (fitted.test, data.test)):
        assert torch.equal(part.inputs, original.inputs.expand(-1, 3, -1, -1))
        assert torch.equal(part.labels, original.labels)


def test_colour_becomes_grey_as_pillow_converts_it() -> None:
    data = some_data(channels=3)
    fitted = adapted(data, channels=1, height=8, width=8)
    for image, original in zip(fitted.test.inputs, data.test.inputs, strict=True):
        picture = Image.fromarray(original.permute(1, 2, 0).numpy()).convert("L")
        assert np.array_equal(image[0].numpy(), np.array(picture))


def test_an_adapted_data_set_is_normalized_by_its_own_moments() -> None:
    fitted = adapted(some_data(), channels=1, height=5, width=11)
    values = normalized(fitted.train.inputs, fitted).double()
    assert abs(float(values.mean())) < 1e-6
    assert abs(float(values.std(correction=0)) - 1) < 1e-6
    assert fitted.validation.inputs.shape == (10, 1, 5, 11)


def test_the_fingerprint_records_source_and_shape() -> None:
    data = some_data()
    prints = {
        data.fingerprint,
        adapted(data, channels=1, height=8, width=8).fingerprint,
        adapted(data, channels=3, height=9, width=8).fingerprint,
        adapted(data, channels=3, height=8, width=9).fingerprint,
        adapted(some_data(side=9), channels=3, height=8, width=9).fingerprint,
    }
    assert len(prints) == 5


def test_a_data_set_that_fits_is_returned_as_it_is() -> None:
    data = some_data()
    assert adapted(data, channels=3, height=8, width=8) is data


def test_channels_without_a_rule_are_refused() -> None:
    with pytest.raises(DataError, match="3 channels cannot be turned into images of 4"):
        adapted(some_data(), channels=4, height=8, width=8)


@pytest.mark.gpu
@pytest.mark.parametrize(("channels", "height", "width"), [(3, 32, 32), (1, 5, 11), (3, 13, 8)])
def test_every_device_adapts_to_the_same_pixels(channels: int, height: int, width: int) -> None:
    data = some_data()
    here = adapted(data, channels=channels, height=height, width=width)
    there = adapted(data.to("cuda"), channels=channels, height=height, width=width)
    assert torch.equal(there.train.inputs.cpu(), here.train.inputs)
    assert torch.equal(there.std.cpu(), here.std)
    assert there.fingerprint == here.fingerprint
