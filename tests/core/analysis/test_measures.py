"""Numbers of each trial that claims can be about, against cases that are known."""

from __future__ import annotations

import pytest
import torch

from ticket_hub.analysis.degrees.compute import excess
from ticket_hub.analysis.movement.compute import MEASURES as MOVEMENT
from ticket_hub.analysis.movement.compute import measure_movement
from ticket_hub.analysis.noise import MULTIPLES
from ticket_hub.analysis.noise.compute import MEASURES as NOISE
from ticket_hub.analysis.noise.compute import Outcomes, measure_noise
from ticket_hub.analysis.registry import analyses, find_analysis
from ticket_hub.analysis.values.compute import bimodality
from ticket_hub.errors import EvidenceError


def test_bimodality_of_distributions_that_are_known() -> None:
    places = torch.linspace(0.0005, 0.9995, 1000, dtype=torch.float64)
    normal = torch.erfinv(2 * places - 1)
    assert bimodality(normal) == pytest.approx(1 / 3, abs=0.01)
    assert bimodality(places) == pytest.approx(5 / 9, abs=0.001)
    assert bimodality(torch.tensor([-1.0, 1.0] * 50)) == pytest.approx(1.0)
    assert bimodality(normal[normal.abs() > 0.7]) > 5 / 9  # type: ignore[operator]
    assert bimodality(torch.ones(9)) is None
    assert bimodality(torch.tensor([1.0, 2.0])) is None


def test_even_connections_lie_below_chance_and_concentrated_ones_above() -> None:
    fan = 40
    generator = torch.Generator().manual_seed(0)
    rows = [torch.rand(60, fan, generator=generator) < 0.2 for _ in range(50)]
    found = [excess(row.sum(1), fan) for row in rows]
    assert sum(found) / 50 == pytest.approx(0.0, abs=0.01)  # type: ignore[arg-type]
    even = excess(torch.full((60,), 8), fan)
    one_third = excess(torch.tensor([24] * 20 + [0] * 40), fan)
    assert even is not None
    assert one_third is not None
    assert one_third - even == pytest.approx(2 / 3)  # the Gini coefficient itself
    assert even < -0.1
    assert excess(torch.zeros(60), fan) is None


@pytest.mark.parametrize(
    ("units", "fan", "density"), [(10, 100, 0.1), (10, 50, 0.016), (3, 20, 0.3)]
)
def test_weights_kept_at_random_have_no_excess_in_layers_of_few_units(
    units: int, fan: int, density: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    kept = torch.zeros(units * fan, dtype=torch.bool)
    kept[: round(density * units * fan)] = True
    masks = [kept[torch.randperm(len(kept), generator=generator)] for _ in range(400)]
    found = [excess(mask.view(units, fan).sum(1), fan) for mask in masks]
    assert sum(found) / 400 == pytest.approx(0.0, abs=0.006)  # type: ignore[arg-type]


def test_how_much_further_survivors_move_is_kept_by_trial() -> None:
    start = {"a": torch.zeros(4)}
    ends = [{"a": torch.tensor([3.0, -3.0, 1.0, 1.0])}, {"a": torch.tensor([1.0, 1.0, 2.0, 2.0])}]
    mask = {"a": torch.tensor([True, True, False, False])}
    result = measure_movement([start, start], ends, [mask, mask], iterations=1, source="search")
    measure = MOVEMENT["further"]
    assert measure.values(result, "a", "movement.further") == (2.0, -1.0)
    with pytest.raises(EvidenceError, match="no layer 'b'") as caught:
        measure.values(result, "b", "movement.further")
    assert "There are a" in caught.value.remedy
    whole = {"a": torch.ones(4, dtype=torch.bool)}
    nothing = measure_movement([start], ends[:1], [whole], iterations=1, source="search")
    with pytest.raises(EvidenceError, match="not known of all trials"):
        measure.values(nothing, "a", "movement.further")


def test_noise_is_measured_against_none_and_against_fresh_values() -> None:
    found = {
        multiple: Outcomes(accuracies=(0.9 - multiple / 100, 0.8), early_stops=(1, 1))
        for multiple in MULTIPLES
    }
    reinit = Outcomes(accuracies=(0.5, 0.6), early_stops=(1, 1))
    result = measure_noise(found, reinit, sigma={}, iterations=1)
    assert NOISE["gain-3"].values(result, "", "") == pytest.approx((-3.0, 0.0))
    assert NOISE["lead-0.5"].values(result, "", "") == pytest.approx((39.5, 20.0))
    assert NOISE["lead-0"].unit == " points"


def test_analyses_say_what_they_measure() -> None:
    known = {each.name: sorted(each.measures) for each in analyses(plugins=False)}
    assert known["degrees"] == ["concentration", "incoming", "outgoing"]
    assert known["flops"] == []
    assert find_analysis("values").measures["bimodality"].unit == ""
