"""A process that is killed at any moment leaves an experiment that the same command finishes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.killing import kill_ticket_when
from tests.helpers.runs import files
from ticket_hub.errors import StoppedError
from ticket_hub.transfer import retrain
from ticket_hub.transfer.replay import replay_bundle

CHANGES = {"training.iterations": 400, "training.evaluate_every": 10}


def kill_once_there(found: Path, run: Path, name: str) -> None:
    """Begin the experiment in a process of its own, and kill it once a file is there."""
    settings = [part for key, value in CHANGES.items() for part in ("--set", f"{key}={value}")]
    place = ["--out", str(run), "--trials", "3", "--workers", "1"]
    kill_ticket_when((run / name).exists, ["retrain", f"{found}:5", *settings, *place])


def test_an_experiment_killed_again_and_again_ends_with_the_same_files(
    found: Path, tmp_path: Path
) -> None:
    run = tmp_path / "killed"
    for name in ("environment.json", "results/000/dense-1.json"):
        kill_once_there(found, run, name)
    killed, whole = (
        retrain(f"{found}:5", trials=3, changes=CHANGES, workers=1, run_folder=folder)
        for folder in (run, tmp_path / "whole")
    )
    assert files(killed.run) == files(whole.run)


def stop_and_finish(make: Callable[..., object], run: Path) -> Path:
    """Stop in training, finish, and leave what a process leaves that is killed before it clears."""
    seen: list[object] = []
    with pytest.raises(StoppedError):
        make(run_folder=run, observe=seen.append, should_stop=lambda: len(seen) >= 2)
    shutil.copytree(run / "checkpoints", run.parent / "kept")
    make(run_folder=run)
    assert not (run / "checkpoints").exists()
    shutil.copytree(run.parent / "kept", run / "checkpoints")
    return run / "checkpoints"


def test_checkpoints_of_networks_whose_results_are_on_disk_do_not_stay(
    found: Path, tmp_path: Path
) -> None:
    def make(**given: Any) -> object:  # noqa: ANN401 - whatever retrain takes
        few = {"training.iterations": 50}
        return retrain(f"{found}:5", trials=1, changes=few, workers=1, against=["reinit"], **given)

    left = stop_and_finish(make, tmp_path / "run")
    assert len(list(left.rglob("*.safetensors"))) >= 2
    others = left / "005" / "random-0.json"  # of a network that nobody asks for at present
    others.write_text("{}")
    make(run_folder=tmp_path / "run")
    assert [path for path in left.rglob("*") if path.is_file()] == [others]
    others.unlink()
    make(run_folder=tmp_path / "run")
    assert not left.exists()


def test_checkpoints_of_a_replay_do_not_stay_either(found: Path, tmp_path: Path) -> None:
    def make(**given: Any) -> object:  # noqa: ANN401 - whatever a replay takes
        return replay_bundle(f"{found}:5", trials=1, workers=1, **given)

    left = stop_and_finish(make, tmp_path / "run")
    make(run_folder=tmp_path / "run")
    assert not left.exists()
