"""A bundle's claims, tried again: bit-identical here, and altered ones found out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from ticket_hub.bundle import (
    BundleContent,
    LevelContent,
    content_of,
    open_bundle,
    verify_bundle,
    write_bundle,
)
from ticket_hub.errors import EvidenceError, RecipeError, StoppedError
from ticket_hub.evidence.reproduction import TrialReplay, judge_level, predicted
from ticket_hub.training import Progress
from ticket_hub.transfer.replay import replay_bundle

LEVEL = 2


def shifted(level: LevelContent, by: float) -> LevelContent:
    """A level that claims other test accuracies."""
    curves = tuple(
        dataclasses.replace(each, test_accuracy=(each.test_accuracy + by).clamp(0, 1))
        for each in level.curves
    )
    return dataclasses.replace(level, curves=curves)


@pytest.fixture
def altered(found: Path, tmp_path: Path) -> Callable[[float, str], Path]:
    """A bundle whose every digest fits, with other accuracies and another environment."""

    def make(by: float, torch: str) -> Path:
        content: BundleContent = content_of(open_bundle(found / "bundle"))
        levels = tuple(
            shifted(each, by) if each.index == LEVEL else each for each in content.levels
        )
        environment = dict(content.environment)
        environment["torch"] = torch or environment["torch"]
        folder = tmp_path / "altered"
        write_bundle(folder, dataclasses.replace(content, levels=levels, environment=environment))
        assert verify_bundle(folder).holds
        return folder

    return make


def test_a_search_is_replayed_bit_for_bit_on_the_machine_that_made_it(
    found: Path, tmp_path: Path
) -> None:
    report = replay_bundle(f"{found}:{LEVEL}", run_folder=tmp_path / "replay", workers=1)
    assert (report.outcome, report.differences) == ("bit-identical", ())
    assert [(each.level, len(each.trials)) for each in report.levels] == [(0, 5), (LEVEL, 5)]
    for level in report.levels:
        assert all(each.claimed == each.found for each in level.trials)


@pytest.mark.parametrize("theta0", ["dense", "survivors"])
def test_fewer_trials_are_said_to_be_fewer(found: Path, tmp_path: Path, theta0: str) -> None:
    content = content_of(open_bundle(found / "bundle"))
    if theta0 == "survivors":
        write_bundle(tmp_path / "b", content, theta0="survivors")
    else:
        write_bundle(tmp_path / "b", content)
    place = f"{tmp_path / 'b'}:{LEVEL}"
    report = replay_bundle(place, trials=2, run_folder=tmp_path / "replay", workers=1)
    assert report.outcome == "bit-identical"
    assert [(len(e.trials), e.claimed_trials) for e in report.levels] == [(2, 5), (2, 5)]


def test_altered_claims_are_not_reproduced_however_little_they_differ(
    altered: Callable[[float, str], Path], tmp_path: Path
) -> None:
    bundle = altered(0.003, "")
    report = replay_bundle(f"{bundle}:{LEVEL}", run_folder=tmp_path / "replay", workers=1)
    assert report.outcome == "not reproduced"
    assert [level.outcome for level in report.levels] == ["bit-identical", "not reproduced"]


def test_in_another_environment_claims_hold_within_their_interval(
    altered: Callable[[float, str], Path], tmp_path: Path
) -> None:
    run = tmp_path / "replay"
    report = replay_bundle(f"{altered(1e-4, '2.0.0')}:{LEVEL}", run_folder=run, workers=1)
    assert report.outcome == "reproduced"
    assert "torch" in report.differences[0]
    report = replay_bundle(f"{altered(-0.3, '2.0.0')}:{LEVEL}", run_folder=run, workers=1)
    assert report.outcome == "not reproduced"
    assert not report.holds


def test_a_stopped_replay_goes_on_where_it_was(found: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    place, run = f"{found}:{LEVEL}", tmp_path / "replay"
    with pytest.raises(StoppedError):
        replay_bundle(
            place, run_folder=run, workers=1, observe=seen.append, should_stop=lambda: bool(seen)
        )
    assert replay_bundle(place, run_folder=run, workers=1).outcome == "bit-identical"
    again: list[Progress] = []
    replay_bundle(place, run_folder=run, workers=1, observe=again.append)
    assert not again


def test_what_was_never_measured_cannot_be_replayed(found: Path, tmp_path: Path) -> None:
    content = content_of(open_bundle(found / "bundle"))
    levels = tuple(dataclasses.replace(each, curves=(), backends=()) for each in content.levels)
    write_bundle(tmp_path / "b", dataclasses.replace(content, levels=levels))
    with pytest.raises(EvidenceError, match="nothing to replay"):
        replay_bundle(f"{tmp_path / 'b'}:{LEVEL}", run_folder=tmp_path / "replay")


def test_no_trials_cannot_be_replayed(found: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="0 trials cannot be replayed"):
        replay_bundle(f"{found}:{LEVEL}", trials=0, run_folder=tmp_path / "replay")


def test_the_interval_is_the_one_for_the_mean_of_new_trials() -> None:
    low, high = predicted([0.95, 0.96, 0.97], 3)
    assert (low, high) == pytest.approx((0.96 - 0.03513, 0.96 + 0.03513), abs=1e-4)
    assert predicted([0.9], 1) == pytest.approx((0.898, 0.902))
    # Trials that all came to the same say nothing of others either.
    assert predicted([0.9, 0.9, 0.9], 3) == pytest.approx((0.898, 0.902))


def test_one_trial_that_differs_makes_a_level_not_identical() -> None:
    one = TrialReplay(trial=0, claimed=0.9, found=0.9, claimed_stop=1, found_stop=1, identical=True)
    two = dataclasses.replace(one, trial=1, identical=False)
    same = judge_level(1, [one, two], [0.9, 0.9], same_environment=True, family=1)
    other = judge_level(1, [one, two], [0.9, 0.9], same_environment=False, family=1)
    assert (same.outcome, other.outcome) == ("not reproduced", "reproduced")
