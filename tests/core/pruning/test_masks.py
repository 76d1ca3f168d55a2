from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ticket_hub.errors import MaskMismatchError
from ticket_hub.pruning.masks import (
    check_alignment,
    check_layers,
    density,
    full_mask,
    is_nested,
    kept,
    kept_by_layer,
    layers_outside,
    masked,
    overlap,
)
from ticket_hub.types import PrunableLayer


def mask(**layers: list[int]) -> dict[str, Tensor]:
    return {name: torch.tensor(keep, dtype=torch.bool) for name, keep in layers.items()}


def test_density_is_kept_over_prunable_weights() -> None:
    one = mask(a=[1, 0, 0, 1], b=[1, 0])
    assert (kept(one), kept_by_layer(one), density(one)) == (3, {"a": 2, "b": 1}, 0.5)


def test_a_full_mask_keeps_everything() -> None:
    layers = [PrunableLayer(name="fc", kind="fc", shape=(3, 2))]
    assert full_mask(layers)["fc"].shape == (3, 2)
    assert density(full_mask(layers)) == 1


def test_masking_zeroes_exactly_what_the_mask_drops_and_nothing_else() -> None:
    weights = {"a": torch.tensor([1.0, -2.0, float("nan"), 4.0]), "bias": torch.ones(2)}
    result = masked(weights, mask(a=[1, 1, 0, 0]))
    assert result["a"].tolist() == [1.0, -2.0, 0.0, 0.0]
    assert result["bias"].tolist() == [1.0, 1.0]


def test_masking_leaves_the_given_weights_alone() -> None:
    weights = {"a": torch.ones(2), "bias": torch.ones(1)}
    result = masked(weights, mask(a=[0, 1]))
    result["bias"].zero_()
    assert weights["a"].tolist() == [1.0, 1.0]
    assert weights["bias"].item() == 1.0


def test_a_mask_of_another_network_is_refused_by_the_name_of_the_layer() -> None:
    with pytest.raises(MaskMismatchError, match="'b'"):
        check_alignment({"a": torch.ones(2)}, mask(a=[1, 1], b=[1]))
    with pytest.raises(MaskMismatchError, match=r"'a' has shape \(3,\).*\(2,\)"):
        check_alignment({"a": torch.ones(2)}, mask(a=[1, 1, 1]))


def test_a_mask_of_numbers_is_refused() -> None:
    with pytest.raises(MaskMismatchError, match=r"'a' is of torch\.int64"):
        check_alignment({"a": torch.ones(2)}, {"a": torch.tensor([1, 0])})


def test_a_mask_must_cover_every_layer_of_the_network() -> None:
    layers = [PrunableLayer(name=name, kind="fc", shape=(2,)) for name in "ab"]
    check_layers(layers, mask(a=[1, 1], b=[1, 0]))
    with pytest.raises(MaskMismatchError, match="lacks the network's layer 'b'"):
        check_layers(layers, mask(a=[1, 1]))
    with pytest.raises(MaskMismatchError, match="'c' that the network has not"):
        check_layers(layers, mask(a=[1, 1], b=[1, 1], c=[1]))


def test_nesting_names_the_layers_that_break_it() -> None:
    outer = mask(a=[1, 1, 0], b=[1, 0, 0])
    assert is_nested(mask(a=[1, 0, 0], b=[1, 0, 0]), outer)
    assert layers_outside(mask(a=[0, 0, 1], b=[1, 0, 0]), outer) == ("a",)


def test_masks_of_two_networks_cannot_be_compared() -> None:
    with pytest.raises(MaskMismatchError, match="'b'"):
        is_nested(mask(a=[1]), mask(a=[1], b=[1]))
    with pytest.raises(MaskMismatchError, match="'b'"):
        overlap(mask(a=[1], b=[1]), mask(a=[1]))


def test_overlap_is_told_beside_what_chance_would_give() -> None:
    both = overlap(mask(a=[1, 1, 0, 0], b=[1, 1]), mask(a=[1, 0, 1, 0], b=[1, 1]))
    assert (both.first, both.second, both.shared) == (4, 4, 3)
    assert both.jaccard == 3 / 5
    assert both.shared_by_chance == 2 * 2 / 4 + 2
    assert both.jaccard_by_chance == 3 / 5


@given(st.lists(st.booleans(), min_size=1, max_size=50))
def test_every_mask_overlaps_itself_in_full(bits: list[bool]) -> None:
    one = {"a": torch.tensor(bits)}
    assert overlap(one, one).jaccard == 1.0


def test_the_chance_overlap_is_the_mean_over_random_masks() -> None:
    generator = torch.Generator().manual_seed(0)
    keep = torch.arange(40) < 12
    other = torch.arange(40) % 2 == 0
    shared = [
        int((keep[torch.randperm(40, generator=generator)] & other).sum()) for _ in range(4000)
    ]
    assert overlap({"a": keep}, {"a": other}).shared_by_chance == 6.0
    assert sum(shared) / 4000 == pytest.approx(6.0, abs=0.1)
