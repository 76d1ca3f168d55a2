from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import torch

import ticket_hub
from ticket_hub.analysis.interval import interval_of
from ticket_hub.analysis.noise.compute import Noise, Outcomes, measure_noise, with_noise
from ticket_hub.analysis.running import plan_analyses
from ticket_hub.analysis.subject import Gym
from ticket_hub.data import load
from ticket_hub.errors import DataError, EvidenceError
from ticket_hub.recipe import Recipe
from ticket_hub.recipe.tables import build, to_table
from ticket_hub.runs.resources import Resources
from ticket_hub.seeds import derive_seed
from ticket_hub.training import Member, train

THETA0 = {"a": torch.zeros(200, 100), "b": torch.ones(50), "bias": torch.ones(3)}
SIGMA = {"a": 0.1, "b": 2.0}


def test_noise_has_the_standard_deviation_of_the_layer_times_the_multiple() -> None:
    noisy = with_noise(THETA0, SIGMA, 3.0, seed=0)
    assert float(noisy["a"].std()) == pytest.approx(0.3, rel=0.02)
    assert float(noisy["b"].std()) == pytest.approx(6.0, rel=0.4)
    assert torch.equal(noisy["bias"], THETA0["bias"])


def test_no_noise_changes_no_bit() -> None:
    same = with_noise(THETA0, SIGMA, 0.0, seed=0)
    assert all(torch.equal(same[name], value) for name, value in THETA0.items())


def test_noise_is_a_function_of_seed_multiple_and_layer() -> None:
    one = with_noise(THETA0, SIGMA, 1.0, seed=0)
    assert torch.equal(one["a"], with_noise(THETA0, {"a": 0.1}, 1.0, seed=0)["a"])
    assert not torch.equal(one["a"], with_noise(THETA0, SIGMA, 1.0, seed=1)["a"])
    twice = with_noise(THETA0, SIGMA, 2.0, seed=0)["a"]
    assert abs(float(torch.corrcoef(torch.stack([one["a"].ravel(), twice.ravel()]))[0, 1])) < 0.05


def test_losses_are_paired_by_trial() -> None:
    still = Outcomes(accuracies=(0.90, 0.80, 0.70), early_stops=(10, 20, 30))
    worse = Outcomes(accuracies=(0.88, 0.79, 0.67), early_stops=(20, 30, 50))
    found = measure_noise({1.0: worse, 0.0: still}, worse, sigma=SIGMA, iterations=100)
    assert [level.name for level in found.levels] == ["0 sigma", "1 sigma"]
    lost = found.levels[1].loss_of_accuracy
    assert lost.mean == pytest.approx(0.02)
    assert lost.low is not None
    assert 0 > lost.low > -0.01
    assert found.levels[0].loss_of_accuracy.mean == 0.0
    assert found.reinit.multiple is None
    assert found.levels[1].early_stop.mean == pytest.approx(100 / 3)
    assert build(Noise, to_table(found)) == found


def test_under_three_trials_there_is_no_interval() -> None:
    assert interval_of([0.1, 0.2]).low is None
    assert interval_of([0.1, 0.1, 0.1]).high is None
    assert interval_of([1, 2, 3]).low == pytest.approx(2 - 4.3027 / 3**0.5, rel=1e-4)
    with pytest.raises(EvidenceError):
        interval_of([float("nan")])


def test_without_noise_a_ticket_trains_as_it_always_does(found: Path, tmp_path: Path) -> None:
    result = ticket_hub.analyze(f"{found}:5", only=["noise"], trials=3, folder=tmp_path, workers=1)
    (finding,) = result.of("noise")
    noise: Noise = finding.result
    assert [level.multiple for level in noise.levels] == [0.0, 0.5, 1.0, 2.0, 3.0]
    assert noise.reinit.accuracy.n == 3
    assert noise.sigma["hidden.0.weight"] == pytest.approx((2 / (64 + 24)) ** 0.5, rel=0.05)
    loaded = ticket_hub.Ticket.load(found / "bundle", level=5, trial=0)
    recipe = ticket_hub.open_bundle(found / "bundle").manifest.recipe
    member = Member(
        name="again",
        seed=derive_seed(0, "analyze", "noise", "order", 0),
        level=0,
        weights=loaded.theta0,
        mask=loaded.mask,
    )
    assert isinstance(recipe, Recipe)
    data = load(recipe.data, Path())
    (trained,) = train(loaded.architecture, data, recipe.training, [member], workers=1)
    curves = trained.curves
    expected = float(curves.test_accuracy[curves.early_stop])
    assert noise.levels[0].outcomes.accuracies[0] == pytest.approx(expected)


def test_data_that_the_ticket_was_not_found_on_are_refused(found: Path, tmp_path: Path) -> None:
    plan = plan_analyses(f"{found}:5", only=["noise"])
    with contextlib.ExitStack() as stack:
        gym = Gym(
            recipe=plan.recipe,
            architecture=plan.source.bundle.architecture,
            data_fingerprint="0" * 64,
            folder=tmp_path,
            resources=Resources(data_dir=tmp_path),
            stack=stack,
        )
        with pytest.raises(DataError, match="not the data"):
            gym.train("noise-005", gym.recipe.training, [])
    assert not list(tmp_path.iterdir())
