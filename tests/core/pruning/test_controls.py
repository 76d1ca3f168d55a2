from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ticket_hub.errors import PruningError
from ticket_hub.pruning import kept, random_mask, random_mask_like, shuffled_mask
from ticket_hub.pruning.masks import full_mask, kept_by_layer
from ticket_hub.types import LayerKind, PrunableLayer

TICKET = {
    "a": torch.arange(60).view(6, 10) % 3 == 0,
    "b": torch.arange(30).view(5, 6) < 4,
    "empty": torch.zeros(4, dtype=torch.bool),
}


def layer(name: str, *shape: int, kind: LayerKind = "fc") -> PrunableLayer:
    return PrunableLayer(name=name, kind=kind, shape=shape)


LAYERS = [layer("a", 6, 10), layer("b", 5, 6), layer("o", 5, kind="output")]


@given(st.integers(0, 10_000))
def test_a_shuffle_has_the_counts_of_the_ticket_and_is_another_mask(seed: int) -> None:
    shuffled = shuffled_mask(TICKET, seed)
    assert kept_by_layer(shuffled) == kept_by_layer(TICKET)
    assert any(not torch.equal(keep, TICKET[name]) for name, keep in shuffled.items())


@given(st.integers(0, 200))
def test_even_the_smallest_mask_is_never_shuffled_onto_itself(seed: int) -> None:
    shuffled = shuffled_mask({"a": torch.tensor([True, False])}, seed)
    assert shuffled["a"].tolist() == [False, True]


def test_a_dense_mask_has_no_other_shuffle_than_itself() -> None:
    assert kept(shuffled_mask({"a": torch.ones(4, dtype=torch.bool)}, 0)) == 4


def test_controls_are_pure_functions_of_the_seed_and_differ_from_each_other() -> None:
    for control in (shuffled_mask, random_mask_like):
        assert torch.equal(control(TICKET, 5)["a"], control(TICKET, 5)["a"])
        assert not torch.equal(control(TICKET, 5)["a"], control(TICKET, 6)["a"])
    assert not torch.equal(shuffled_mask(TICKET, 5)["a"], random_mask_like(TICKET, 5)["a"])


def test_every_place_is_as_likely_to_be_kept() -> None:
    keep = {"a": torch.arange(10) < 3}
    hits = sum(shuffled_mask(keep, seed)["a"].double() for seed in range(3000))
    assert isinstance(hits, torch.Tensor)
    assert hits.sub(900).abs().max() < 5 * (3000 * 0.3 * 0.7) ** 0.5


def test_a_random_mask_has_the_counts_asked_for_in_each_layer() -> None:
    counts = {"a": 7, "b": 0, "o": 5}
    assert kept_by_layer(random_mask(LAYERS, counts, seed=1)) == counts


def test_a_random_mask_has_the_count_asked_for_in_all() -> None:
    mask = random_mask(LAYERS, 31, seed=1)
    assert (kept(mask), set(mask)) == (31, {"a", "b", "o"})


def test_kinds_that_do_not_compete_stay_dense_in_a_random_mask() -> None:
    mask = random_mask(LAYERS, 9, seed=1, kinds=("fc",))
    assert (kept(mask), bool(mask["o"].all())) == (9 + 5, True)


def test_a_random_mask_like_a_ticket_has_its_counts() -> None:
    assert kept_by_layer(random_mask_like(TICKET, 3)) == kept_by_layer(TICKET)


def test_counts_that_cannot_be_are_refused_by_name() -> None:
    with pytest.raises(PruningError, match="61 of the 60 weights of a"):
        random_mask(LAYERS, {"a": 61, "b": 1, "o": 1}, seed=0)
    with pytest.raises(PruningError, match="weights of b"):
        random_mask(LAYERS, {"a": 1, "o": 1}, seed=0)


def test_no_layer_of_the_kinds_asked_for_leaves_the_network_dense() -> None:
    assert kept(random_mask(LAYERS, 0, seed=0, kinds=("conv",))) == kept(full_mask(LAYERS))
