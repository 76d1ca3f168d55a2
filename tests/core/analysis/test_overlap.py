from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ticket_hub.analysis.overlap.compute import Overlap, measure_overlap, shared_weights
from ticket_hub.errors import MaskMismatchError
from ticket_hub.pruning import overlap, random_mask_like
from ticket_hub.recipe.tables import build, to_table


def mask(*kept: int, sizes: tuple[int, ...] = (40, 10)) -> dict[str, torch.Tensor]:
    return {
        f"{index}.weight": torch.arange(size) < count
        for index, (size, count) in enumerate(zip(sizes, kept, strict=True))
    }


def test_shared_weights_are_counted_layer_by_layer_and_in_all() -> None:
    first = mask(20, 5)
    second = {name: keep.flip(0) for name, keep in mask(25, 6).items()}
    (pair,) = measure_overlap({"a": first, "b": second}).pairs
    assert [(each.first, each.second, each.shared) for each in pair.layers] == [
        (20, 25, 5),
        (5, 6, 1),
    ]
    assert (pair.total.layer, pair.total.shared) == ("all", 6)
    assert pair.total.jaccard == pytest.approx(6 / (25 + 31 - 6))
    assert pair.total.expected == pytest.approx(20 * 25 / 40 + 5 * 6 / 10)
    whole = overlap(first, second)
    assert pair.total.jaccard == pytest.approx(whole.jaccard)
    assert pair.total.jaccard_by_chance == pytest.approx(whole.jaccard_by_chance)


@given(st.integers(1, 3000), st.floats(0, 1), st.floats(0, 1))
def test_the_interval_of_one_layer_is_the_hypergeometric_one(
    size: int, one: float, two: float
) -> None:
    first, second = round(one * size), round(two * size)
    found = shared_weights("a", [(size, first, second)], 0)
    law = stats.hypergeom(size, first, second)
    assert found.expected == pytest.approx(first * second / size)
    for bound, share in ((found.low, 0.025), (found.high, 0.975)):
        assert law.cdf(bound) >= share - 1e-9
        assert law.cdf(bound - 1) <= share + 1e-9


def test_chance_is_what_random_masks_show() -> None:
    first = mask(30, 4, sizes=(200, 12))
    like = mask(60, 6, sizes=(200, 12))
    drawn = [overlap(first, random_mask_like(like, seed)).shared for seed in range(2000)]
    found = measure_overlap({"a": first, "b": random_mask_like(like, 0)}).pairs[0].total
    error = np.std(drawn) / len(drawn) ** 0.5
    assert np.mean(drawn) == pytest.approx(found.expected, abs=4 * error)
    inside = np.mean([found.low <= each <= found.high for each in drawn])
    assert 0.94 <= inside <= 0.99
    narrower = np.mean([found.low < each < found.high for each in drawn])
    assert narrower <= 0.96


def test_large_layers_have_an_interval_too() -> None:
    found = shared_weights("all", [(20_000_000, 4_000_000, 4_000_000), (500, 250, 250)], 0)
    assert found.expected == pytest.approx(800_000 + 125)
    spread = (20_000_000 * 0.04 * 0.64) ** 0.5
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.01)


def test_a_mask_overlaps_itself_entirely_and_its_opposite_not_at_all() -> None:
    first = mask(20, 5)
    opposite = {name: ~keep for name, keep in first.items()}
    same, other = measure_overlap(
        {"a": first}, {"itself": ("a", first), "opposite": ("a", opposite)}
    ).pairs
    assert (same.total.jaccard, other.total.jaccard) == (1.0, 0.0)
    assert (same.first, other.second) == ("a", "opposite")


def test_empty_and_full_layers_have_certain_overlaps() -> None:
    full = shared_weights("a", [(10, 10, 10)], 10)
    assert (full.low, full.expected, full.high, full.jaccard_by_chance) == (10, 10.0, 10, 1.0)
    empty = shared_weights("a", [(10, 0, 0)], 0)
    assert (empty.low, empty.expected, empty.high, empty.jaccard) == (0, 0.0, 0, 1.0)


def test_one_mask_has_nobody_to_be_compared_with() -> None:
    assert measure_overlap({"a": mask(1, 1)}).pairs == ()


def test_masks_of_different_networks_are_refused() -> None:
    with pytest.raises(MaskMismatchError):
        measure_overlap({"a": mask(1, 1), "b": mask(1, 1, sizes=(40, 11))})


def test_the_result_comes_back_from_plain_values() -> None:
    found = measure_overlap({"a": mask(20, 5), "b": mask(20, 6), "c": mask(1, 2)})
    assert len(found.pairs) == 3
    assert build(Overlap, to_table(found)) == found
