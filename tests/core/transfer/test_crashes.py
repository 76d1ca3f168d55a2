"""A process that is killed at any moment leaves an experiment that the same command finishes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from runs import files

from ticket_hub.transfer import retrain

CHANGES = {"training.iterations": 400, "training.evaluate_every": 10}


def kill_once_there(found: Path, run: Path, name: str) -> None:
    """Begin the experiment in a process of its own, and kill it once a file is there."""
    settings = [part for key, value in CHANGES.items() for part in ("--set", f"{key}={value}")]
    place = ["--out", str(run), "--trials", "3", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ticket_hub_cli", "retrain", f"{found}:5", *settings, *place],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        while not (run / name).exists() and process.poll() is None:
            time.sleep(0.002)
    finally:
        process.kill()
    process.communicate()
    assert process.returncode in {0, -signal.SIGKILL}


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
