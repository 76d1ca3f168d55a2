"""A process that is killed at any moment leaves an experiment that the same command finishes."""

from __future__ import annotations

from pathlib import Path

from killing import kill_ticket_when
from runs import files

from ticket_hub.transfer import retrain

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
