from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare
from torch import Tensor
from torch.nn import functional

from ticket_hub.data.augmentation import Augmentation, augmented, is_augmented
from ticket_hub.recipe import DataSpec
from ticket_hub.seeds import derive_seed

BOTH = DataSpec(name="any", flip=True, crop=4)


def some_images(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def word(value: int) -> int:
    value = ((value ^ (value >> 16)) * 0x7FEB352D) % 2**32
    value = ((value ^ (value >> 15)) * 0x846CA68B) % 2**32
    return value ^ (value >> 16)


def expected_draws(seed: int, level: int, epoch: int, index: int) -> list[int]:
    high, low = divmod(derive_seed(seed, "augment", level), 2**32)
    first = word((high + epoch) % 2**32)
    second = word(low ^ first)
    sample = word(index ^ first)
    return [word((sample + second + 0x9E3779B9 * draw) % 2**32) for draw in range(3)]


def moved_by_hand(image: Tensor, draws: list[int], spec: DataSpec) -> Tensor:
    assert isinstance(spec.crop, int)
    places = 2 * spec.crop + 1
    top, left = (draw * places // 2**32 for draw in draws[1:])
    _, height, width = image.shape
    padded = functional.pad(image, [spec.crop] * 4)
    window = padded[:, top : top + height, left : left + width]
    return window.flip(2) if spec.flip and draws[0] >= 2**31 else window


seeds = st.integers(0, 2**62)
small = st.integers(0, 10**6)


@settings(max_examples=40)
@given(
    seeds, small, small, st.lists(small, min_size=1, max_size=5), st.booleans(), st.integers(0, 6)
)
def test_each_image_is_padded_cropped_and_mirrored_by_its_own_draws(
    seed: int,
    level: int,
    epoch: int,
    indices: list[int],
    flip: bool,  # noqa: FBT001 - hypothesis draws it
    crop: int,
) -> None:
    spec = DataSpec(name="any", flip=flip, crop=crop)
    images = some_images(len(indices), 2, 6, 5)
    result = augmented(images, torch.tensor(indices), spec, seed=seed, level=level, epoch=epoch)
    for index, image, moved in zip(indices, images, result, strict=True):
        draws = expected_draws(seed, level, epoch, index)
        assert torch.equal(moved, moved_by_hand(image, draws, spec))


@settings(max_examples=25)
@given(st.lists(st.tuples(seeds, small), min_size=1, max_size=4), small)
def test_a_member_sees_the_same_alone_and_in_any_stack(
    streams: list[tuple[int, int]], epoch: int
) -> None:
    images = some_images(len(streams), 6, 3, 8, 8)
    indices = torch.arange(len(streams) * 6).view(-1, 6)
    stack = Augmentation(BOTH, streams, "cpu")(images, indices, epoch)
    for member, (seed, level) in enumerate(streams):
        alone = augmented(
            images[member], indices[member], BOTH, seed=seed, level=level, epoch=epoch
        )
        assert torch.equal(stack[member], alone)


def test_an_image_does_not_depend_on_the_rest_of_its_batch() -> None:
    images, indices = some_images(20, 1, 9, 9), torch.arange(100, 120)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(2))
    whole = augmented(images, indices, BOTH, seed=1, level=2, epoch=3)
    mixed = augmented(images[order], indices[order], BOTH, seed=1, level=2, epoch=3)
    assert torch.equal(mixed, whole[order])
    assert torch.equal(
        augmented(images[7:8], indices[7:8], BOTH, seed=1, level=2, epoch=3), whole[7:8]
    )


def test_nothing_happens_without_flip_and_crop() -> None:
    images, spec = some_images(4, 1, 9, 9), DataSpec(name="any")
    same = augmented(images, torch.arange(4), spec, seed=1, level=2, epoch=3)
    assert torch.equal(same, images)
    assert not is_augmented(spec)
    assert is_augmented(BOTH)


def test_epochs_may_be_a_tensor_for_all_or_one_for_each_member() -> None:
    augment = Augmentation(BOTH, [(1, 0), (2, 0)], "cpu")
    indices = torch.arange(20).view(2, 10)
    alike = augment.draws(indices, 5)
    assert torch.equal(augment.draws(indices, torch.tensor(5)), alike)
    each = augment.draws(indices, torch.tensor([5, 9]))
    assert torch.equal(each[0], alike[0])
    assert torch.equal(each[1], augment.draws(indices, 9)[1])


def test_no_value_is_ever_asked_of_the_device() -> None:
    augment = Augmentation(BOTH, [(1, 0), (2, 0)], "meta")
    images = torch.empty(2, 10, 3, 8, 8, dtype=torch.uint8, device="meta")
    indices = torch.empty(2, 10, dtype=torch.int64, device="meta")
    epoch = torch.empty((), dtype=torch.int64, device="meta")
    assert augment(images, indices, epoch).shape == images.shape


def test_the_draws_never_change() -> None:
    draws = Augmentation(BOTH, [(0, 0)], "cpu").draws(torch.tensor([[0, 1, 49_999]]), 7)
    assert draws[0].tolist() == [
        [1133091245, 2156771422, 3716178213],
        [65567745, 1384341706, 1996462562],
        [2735128377, 3322267514, 4196076956],
    ]


def draws_of(seed: int = 0, level: int = 0, epoch: int = 0, examples: int = 50_000) -> Tensor:
    return Augmentation(BOTH, [(seed, level)], "cpu").draws(torch.arange(examples)[None], epoch)[0]


STREAMS = list(itertools.product((0, 1, 12345), (0, 3), (0, 1, 77)))
UNLIKELY = 1e-4
"""With fixed seeds these tests cannot flicker; a sound hash passes all of them at this level."""


@pytest.mark.parametrize("bins", [2, 9, 64])
def test_every_draw_is_uniform_in_every_stream(bins: int) -> None:
    for seed, level, epoch in STREAMS:
        places = draws_of(seed, level, epoch) * bins >> 32
        for draw in range(3):
            counts = torch.bincount(places[:, draw], minlength=bins)
            assert chisquare(counts.numpy()).pvalue > UNLIKELY


def test_all_windows_with_and_without_flip_are_equally_likely() -> None:
    draws = torch.cat([draws_of(epoch=epoch) for epoch in range(4)])
    cells = (draws[:, 0] >> 31) * 81 + (draws[:, 1] * 9 >> 32) * 9 + (draws[:, 2] * 9 >> 32)
    assert chisquare(torch.bincount(cells, minlength=162).numpy()).pvalue > UNLIKELY


def independent(first: Tensor, second: Tensor, bins: int = 9) -> bool:
    """Whether no dependence shows in the table of two sequences of draws."""
    cells = (first * bins >> 32) * bins + (second * bins >> 32)
    table = torch.bincount(cells, minlength=bins * bins).view(bins, bins)
    return float(chi2_contingency(table.numpy()).pvalue) > UNLIKELY


def test_neighbouring_seeds_levels_epochs_and_samples_are_independent() -> None:
    here = draws_of(5, 2, 10)
    others = {
        "seed": draws_of(6, 2, 10),
        "level": draws_of(5, 3, 10),
        "epoch": draws_of(5, 2, 11),
        "far epoch": draws_of(5, 2, 10 + 2**16),
        "sample": draws_of(5, 2, 10, 50_001)[1:],
        "far sample": draws_of(5, 2, 10, 51_024)[1024:],
    }
    for name, there in others.items():
        for draw in range(3):
            assert independent(here[:, draw], there[:, draw]), (name, draw)


def test_the_three_draws_of_a_sample_are_independent() -> None:
    draws = draws_of(examples=100_000)
    for first, second in itertools.combinations(range(3), 2):
        assert independent(draws[:, first], draws[:, second])
        assert independent(draws[:-1, first], draws[1:, second])


def test_no_two_samples_share_a_state_within_an_epoch() -> None:
    assert len(draws_of()[:, 1:].unique(dim=0)) == 50_000


@pytest.mark.gpu
def test_a_captured_graph_draws_what_the_cpu_draws() -> None:
    streams = [(1, 0), (2, 5)]
    images, indices = some_images(2, 64, 3, 32, 32), torch.arange(128).view(2, 64)
    augment = Augmentation(BOTH, streams, "cuda")
    there, chosen = images.cuda(), indices.cuda()
    epoch = torch.zeros((), dtype=torch.int64, device="cuda")
    augment(there, chosen, epoch)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = augment(there, chosen, epoch)
    for number in (0, 3, 9):
        epoch.fill_(number)
        graph.replay()
        expected = Augmentation(BOTH, streams, "cpu")(images, indices, number)
        assert torch.equal(result.cpu(), expected)
