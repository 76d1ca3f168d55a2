from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from ticket_hub.errors import PruningError
from ticket_hub.pruning import (
    Granularity,
    full_mask,
    kept,
    ladder,
    next_mask,
    one_shot_mask,
    register_granularity,
)
from ticket_hub.recipe import PruningSpec
from ticket_hub.recipe.axes import GRANULARITIES
from ticket_hub.types import PrunableLayer

LAYERS = [
    PrunableLayer(name="a", kind="conv", shape=(10, 3, 2, 2)),
    PrunableLayer(name="b", kind="fc", shape=(6, 12)),
    PrunableLayer(name="s", kind="shortcut", shape=(3, 3, 1, 1)),
]
RATES = {"conv": 0.2, "fc": 0.5}


@pytest.fixture(autouse=True)
def _outputs() -> Iterator[None]:
    @register_granularity("tests-output")
    class OfOutput(Granularity):
        def split(self, values: Tensor) -> Tensor:
            return values.flatten(1)

        def join(self, values: Tensor, shape: tuple[int, ...]) -> Tensor:
            return values.reshape(shape)

    yield
    GRANULARITIES._known.pop("tests-output")


def weights() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {layer.name: torch.randn(layer.shape, generator=generator) for layer in LAYERS}


def test_whole_outputs_go_the_least_worth_first_and_as_many_as_the_rate_says() -> None:
    trained = weights()
    spec = PruningSpec(granularity="tests-output", rates=RATES)
    mask = next_mask(spec, LAYERS, initial=trained, trained=trained, mask=full_mask(LAYERS), seed=0)
    for name, gone in (("a", 2), ("b", 3), ("s", 0)):
        rows = mask[name].flatten(1)
        worth = trained[name].abs().flatten(1).mean(1)
        assert torch.equal(rows.any(1), rows.all(1))
        assert {*(~rows.any(1)).nonzero().flatten().tolist()} == {*worth.argsort()[:gone].tolist()}


@pytest.mark.parametrize("granularity", ["weight", "tests-output"])
def test_the_ladder_is_known_beforehand_in_weights(granularity: str) -> None:
    trained = weights()
    spec = PruningSpec(granularity=granularity, rates=RATES)
    counts, mask = ladder(spec, LAYERS, 3), full_mask(LAYERS)
    for level in range(1, 4):
        mask = next_mask(spec, LAYERS, initial=trained, trained=trained, mask=mask, seed=0)
        shot = one_shot_mask(spec, LAYERS, initial=trained, trained=trained, level=level, seed=0)
        assert kept(mask) == kept(shot) == counts[level]


def test_one_ranking_takes_entries_of_one_size_alone() -> None:
    same = {"conv": 0.2, "fc": 0.2}
    spec = PruningSpec(granularity="tests-output", scope="global", rates=same)
    assert ladder(spec, LAYERS, 1)[1] == 201 - 12 * 3  # of 16 outputs, of 12 weights each
    with pytest.raises(PruningError, match="12 or 3 weights"):
        ladder(PruningSpec(granularity="tests-output", scope="global"), LAYERS, 1)
