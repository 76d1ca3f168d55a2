from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

import ticket_hub
from ticket_hub.analysis.distribution import count_in_bins, summarize
from ticket_hub.analysis.movement.compute import Movement, measure_movement
from ticket_hub.analysis.values.compute import Values, measure_values
from ticket_hub.errors import MaskMismatchError
from ticket_hub.recipe.tables import build, to_table

KEEP = {"a": torch.tensor([[True, False], [False, True]])}


def test_quantiles_are_values_of_the_sample() -> None:
    found = summarize(torch.arange(201.0).flip(0))
    assert (found.n, found.mean, found.median) == (201, 100.0, 100.0)
    assert found.quantiles == tuple(float(value) for value in range(0, 201, 2))
    assert found.sd == pytest.approx(float(torch.arange(201.0).std(correction=0)))


def test_nothing_has_no_distribution() -> None:
    found = summarize(torch.zeros(0))
    assert (found.n, found.mean, found.sd, found.median, found.quantiles) == (
        0,
        None,
        None,
        None,
        (),
    )


def test_bins_count_everything_once() -> None:
    found = count_in_bins([torch.tensor([-2.0, -1.0, 0.5]), torch.tensor([1.9, 2.0])], 2.0, 4)
    assert found.counts == (1, 1, 1, 2)
    assert found.edges == (-2.0, -1.0, 0.0, 1.0, 2.0)
    assert sum(found.density) * 1.0 == pytest.approx(1.0)
    assert count_in_bins([torch.zeros(3)], 0.0, 2).counts == (0, 3)


def test_survivors_are_told_from_all_weights() -> None:
    theta0 = {"a": torch.tensor([[3.0, 0.1], [-0.1, -3.0]])}
    (layer,) = measure_values([theta0, theta0], [KEEP, KEEP], bins=3).layers
    assert (layer.everything.n, layer.survivors.n) == (8, 4)
    assert layer.survivors.quantiles[0] == -3.0
    assert layer.survivors.sd == 3.0
    assert layer.survivors_counts.counts == (2, 0, 2)
    assert layer.everything_counts.counts == (2, 4, 2)


def test_movement_is_of_kept_and_of_pruned_weights() -> None:
    before = {"a": torch.tensor([[1.0, 1.0], [1.0, -1.0]])}
    after = {"a": torch.tensor([[3.0, 1.5], [0.5, 1.0]])}
    found = measure_movement([before], [after], [KEEP], iterations=7, source="search")
    (layer,) = found.layers
    assert layer.survivors.distance.mean == 2.0
    assert layer.survivors.growth.mean == 1.0
    assert layer.survivors.flipped == 0.5
    assert (layer.pruned.distance.mean, layer.pruned.growth.mean) == (0.5, 0.0)
    assert layer.pruned.flipped == 0.0


def test_weights_of_another_network_are_refused() -> None:
    other = {"a": torch.zeros(2, 3)}
    with pytest.raises(MaskMismatchError):
        measure_values([other], [KEEP])
    with pytest.raises(MaskMismatchError):
        measure_movement([other], [other], [KEEP], iterations=1, source="search")


def test_the_results_come_back_from_plain_values() -> None:
    weights = {"a": torch.randn(2, 2, generator=torch.Generator().manual_seed(0))}
    full = {"a": torch.ones(2, 2, dtype=torch.bool)}
    values = measure_values([weights], [full])
    assert build(Values, to_table(values)) == values
    moved = measure_movement([weights], [weights], [full], iterations=1, source="search")
    assert moved.layers[0].pruned.flipped is None
    assert build(Movement, to_table(moved)) == moved


def test_what_the_search_kept_and_what_is_trained_again_are_the_same(
    found: Path, tmp_path: Path
) -> None:
    shutil.copytree(found / "bundle", tmp_path / "alone")
    kept = ticket_hub.analyze(f"{found}:5", only=["movement"], folder=tmp_path / "kept")
    again = ticket_hub.analyze(
        f"{tmp_path / 'alone'}:5", only=["movement"], folder=tmp_path / "again", workers=1
    )
    (one,), (two,) = kept.of("movement"), again.of("movement")
    assert (one.result.source, two.result.source) == ("search", "retrained")
    assert one.result.iterations == 150
    assert one.result.layers == two.result.layers
    assert not (tmp_path / "again/checkpoints").exists()


def test_weights_of_another_training_are_not_taken_for_those_of_this(
    found: Path, tmp_path: Path
) -> None:
    changes = {"training.iterations": 30}
    result = ticket_hub.analyze(
        f"{found}:5", only=["movement"], changes=changes, folder=tmp_path, workers=1
    )
    (finding,) = result.findings
    assert (finding.result.source, finding.result.iterations) == ("retrained", 30)
