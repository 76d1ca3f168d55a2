from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ticket_hub.errors import LayerCollapseError, MaskMismatchError, ScoreError
from ticket_hub.pruning import density, full_mask, is_nested, kept, next_mask, one_shot_mask
from ticket_hub.pruning.criteria import CRITERIA
from ticket_hub.recipe import PruningSpec
from ticket_hub.recipe.tables import build
from ticket_hub.types import LayerKind, Mask, PrunableLayer

RATES = {"fc": 0.2, "output": 0.2}


def layer(name: str, *shape: int, kind: LayerKind = "fc") -> PrunableLayer:
    return PrunableLayer(name=name, kind=kind, shape=shape)


def prune(
    spec: PruningSpec,
    layers: list[PrunableLayer],
    weights: dict[str, Tensor],
    *,
    mask: Mask | None = None,
    seed: int = 0,
) -> dict[str, Tensor]:
    mask = full_mask(layers) if mask is None else mask
    return next_mask(spec, layers, initial=weights, trained=weights, mask=mask, seed=seed)


def spec_of(**keys: object) -> PruningSpec:
    return build(PruningSpec, keys)


def test_layerwise_pruning_takes_the_lowest_of_each_layer() -> None:
    layers = [layer("a", 5), layer("b", 10, kind="output")]
    weights = {"a": torch.tensor([5.0, -1.0, 3.0, 4.0, 2.0]), "b": torch.arange(10.0) - 3}
    mask = prune(PruningSpec(), layers, weights)
    assert mask["a"].tolist() == [True, False, True, True, True]
    assert mask["b"].nonzero().flatten().tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_global_pruning_ranks_all_layers_together() -> None:
    layers = [layer("a", 5), layer("b", 5, kind="output")]
    weights = {"a": torch.full((5,), 9.0), "b": torch.arange(5.0)}
    mask = prune(PruningSpec(scope="global", rates=RATES), layers, weights)
    assert mask["a"].all()
    assert mask["b"].tolist() == [False, False, True, True, True]


@pytest.mark.parametrize("scope", ["layerwise", "global"])
def test_kinds_without_a_rate_are_never_pruned(scope: str) -> None:
    layers = [layer("a", 10), layer("s", 10, kind="shortcut"), layer("o", 10, kind="output")]
    weights = {"a": torch.ones(10), "s": torch.zeros(10), "o": torch.zeros(10)}
    mask = prune(spec_of(scope=scope, rates={"fc": 0.5, "output": 0.0}), layers, weights)
    assert (kept({"a": mask["a"]}), bool(mask["s"].all()), bool(mask["o"].all())) == (5, True, True)


def test_the_count_rounds_half_to_even() -> None:
    for size, left in ((5, 3), (15, 7), (25, 13)):  # half of them: 2.5 -> 2, 7.5 -> 8, 12.5 -> 12
        mask = prune(PruningSpec(rates={"fc": 0.5}), [layer("a", size)], {"a": torch.rand(size)})
        assert kept(mask) == left


@given(
    st.sampled_from(sorted(CRITERIA.names())), st.sampled_from(["layerwise", "global"]), st.data()
)
def test_pruned_weights_never_come_back(criterion: str, scope: str, data: st.DataObject) -> None:
    layers = [layer("a", 4, 6), layer("b", 3, 4), layer("c", 7, kind="output")]
    rate = data.draw(st.floats(0.01, 0.6))
    spec = spec_of(
        criterion=criterion,
        scope=scope,
        rates={"fc": rate, "output": rate},
        allow_empty_layers=True,
    )
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 1000)))

    def draw(*_asked: object) -> dict[str, Tensor]:
        return {one.name: torch.randn(one.shape, generator=generator) for one in layers}

    initial, mask = draw(), full_mask(layers)
    for _ in range(4):
        after = next_mask(
            spec, layers, initial=initial, trained=draw(), mask=mask, seed=1, measured=draw
        )
        assert is_nested(after, mask)
        groups = [mask] if scope == "global" else [{name: mask[name]} for name in mask]
        assert kept(mask) - kept(after) == sum(round(rate * kept(group)) for group in groups)
        mask = after


def test_pruning_leaves_the_given_mask_alone() -> None:
    layers = [layer("a", 10)]
    mask = full_mask(layers)
    prune(PruningSpec(), layers, {"a": torch.rand(10)}, mask=mask)
    assert density(mask) == 1


def test_random_pruning_depends_on_the_seed_alone() -> None:
    layers = [layer("a", 50)]
    spec = PruningSpec(criterion="random")
    one = prune(spec, layers, {"a": torch.rand(50)}, seed=1)
    assert torch.equal(one["a"], prune(spec, layers, {"a": torch.rand(50)}, seed=1)["a"])
    assert not torch.equal(one["a"], prune(spec, layers, {"a": torch.rand(50)}, seed=2)["a"])


def test_the_criterion_decides_what_goes() -> None:
    layers = [layer("a", 2)]
    initial, trained = {"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([4.0, 3.0])}
    for criterion, survivor in (("magnitude", 0), ("initial-magnitude", 1)):
        mask = next_mask(
            spec_of(criterion=criterion, rates={"fc": 0.5}),
            layers,
            initial=initial,
            trained=trained,
            mask=full_mask(layers),
            seed=0,
        )
        assert mask["a"].nonzero().item() == survivor


def test_a_layer_that_would_lose_its_last_weight_is_named() -> None:
    layers = [layer("wide", 20), layer("thin", 2)]
    weights = {"wide": torch.ones(20), "thin": torch.zeros(2)}
    spec = PruningSpec(scope="global", rates=RATES)
    with pytest.raises(LayerCollapseError, match="'thin'") as caught:
        prune(spec, layers, weights)
    assert caught.value.layer == "thin"


def test_empty_layers_can_be_allowed_and_stay_empty() -> None:
    layers = [layer("wide", 20), layer("thin", 2)]
    weights = {"wide": torch.ones(20), "thin": torch.zeros(2)}
    spec = PruningSpec(scope="global", rates=RATES, allow_empty_layers=True)
    mask = prune(spec, layers, weights)
    assert (kept({"thin": mask["thin"]}), kept(mask)) == (0, 18)
    assert kept(prune(spec, layers, weights, mask=mask)) == 14
    stricter = PruningSpec(scope="global", rates=RATES)
    assert kept(prune(stricter, layers, weights, mask=mask)) == 14


def test_one_shot_names_a_layer_that_would_collapse() -> None:
    layers = [layer("wide", 20), layer("thin", 2)]
    weights = {"wide": torch.ones(20), "thin": torch.zeros(2)}
    with pytest.raises(LayerCollapseError, match="'thin'"):
        one_shot_mask(
            PruningSpec(scope="global", rates=RATES),
            layers,
            initial=weights,
            trained=weights,
            level=3,
            seed=0,
        )


def test_nan_in_a_layer_that_is_not_pruned_does_no_harm() -> None:
    layers = [layer("a", 10), layer("o", 2, kind="output")]
    weights = {"a": torch.rand(10), "o": torch.tensor([float("nan"), 1.0])}
    assert kept(prune(PruningSpec(rates={"fc": 0.2}), layers, weights)) == 10
    with pytest.raises(ScoreError, match="'o'"):
        prune(PruningSpec(), layers, weights)


def test_masks_weights_and_layers_must_be_of_one_network() -> None:
    layers = [layer("a", 4)]
    with pytest.raises(MaskMismatchError, match="'a'"):
        prune(PruningSpec(), layers, {"a": torch.rand(5)})
    mask = full_mask([layer("a", 4), layer("b", 4)])
    with pytest.raises(MaskMismatchError, match="'b'"):
        prune(PruningSpec(), layers, {"a": torch.rand(4)}, mask=mask)
