from __future__ import annotations

import pytest
import torch

from ticket_hub.analysis.density.compute import Density, measure_density
from ticket_hub.errors import MaskMismatchError
from ticket_hub.recipe.tables import build, to_table
from ticket_hub.types import PrunableLayer

LAYERS = (
    PrunableLayer(name="a.weight", kind="fc", shape=(4, 10)),
    PrunableLayer(name="b.weight", kind="output", shape=(2, 4)),
)


def masks(first: int, second: int) -> dict[str, torch.Tensor]:
    kept = {"a.weight": first, "b.weight": second}
    return {
        layer.name: (torch.arange(layer.size) < kept[layer.name]).view(layer.shape)
        for layer in LAYERS
    }


def test_every_layer_is_counted_in_every_trial() -> None:
    found = measure_density(LAYERS, [masks(20, 4), masks(10, 8)])
    assert [layer.kept for layer in found.layers] == [(20, 10), (4, 8)]
    assert found.layers[0].densities == (0.5, 0.25)
    assert found.layers[0].least_per_unit == 2.5


@pytest.mark.parametrize(("kept", "near"), [(8, False), (7, True)])
def test_a_layer_with_under_two_weights_a_unit_is_near_collapse(kept: int, *, near: bool) -> None:
    found = measure_density(LAYERS, [masks(40, 8), masks(kept, 8)])
    assert found.threshold == 2.0
    assert found.near_collapse == (("a.weight",) if near else ())


def test_a_mask_of_another_network_is_refused() -> None:
    with pytest.raises(MaskMismatchError):
        measure_density(LAYERS, [{"a.weight": torch.ones(4, 10, dtype=torch.bool)}])


def test_the_result_comes_back_from_plain_values() -> None:
    found = measure_density(LAYERS, [masks(20, 4)])
    assert build(Density, to_table(found)) == found
