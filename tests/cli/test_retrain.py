from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import forked
from ticket_hub.transfer import CONTROLS


def test_retrain_ends_with_a_table_a_verdict_and_files(
    ticket: Callable[..., Any], found: Path, tmp_path: Path
) -> None:
    place = ["--out", str(tmp_path / "run"), "--workers", "1"]
    ran = ticket("retrain", f"{found}:2,3", "--against", "reinit,dense", "--trials", "3", *place)
    assert ran.code == 0
    rows = [line.split()[:4] for line in ran.stdout.splitlines()[1:7]]
    assert [row[2] for row in rows] == ["ticket", "reinit", "dense"] * 2
    assert [row[0] for row in rows] == ["2"] * 3 + ["3"] * 3
    assert "n = 3 tickets, margin 0.2 points, corrected for 4 comparisons" in ran.stdout
    assert "level 2 (" in ran.stderr
    run = tmp_path / "run"
    assert json.loads((run / "evidence.json").read_bytes())["request"]["levels"] == [2, 3]
    with (run / "comparisons.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 6
    assert (run / "comparisons.md").read_text().startswith("| level | network |")
    for name in ("ladder", "curves", "differences"):
        assert (run / f"report/{name}.png").read_bytes()[:4] == b"\x89PNG"


def test_json_has_numbers_and_quiet_names_the_folder(
    ticket: Callable[..., Any], found: Path, tmp_path: Path
) -> None:
    call = ["retrain", f"{found}:3", "--trials", "2", "--out", str(tmp_path), "--workers", "1"]
    told = json.loads(ticket(*call, "--format", "json").stdout)
    assert [row["network"] for row in told["rows"]] == ["ticket", "reinit", "dense"]
    assert told["verdicts"]["3"]["word"] is None
    assert "fewer than 3" in told["verdicts"]["3"]["reason"]
    again = ticket(*call, "--format", "csv")
    assert f"level 3 of {found} against reinit, dense, 2 trials." in again.stderr
    first, *others = csv.DictReader(again.stdout.splitlines())
    assert len(others) == 2, "and nothing but rows"
    assert list(first) == list(told["rows"][0]), "the same columns in each form"
    quiet = ticket(*call, "-q")
    assert (quiet.stdout, quiet.stderr) == (f"{tmp_path}\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--against", "renit"], 3, "reinit"),
        (["--head", "behead"], 2, "reset-masked"),
        (["--trials", "0"], 2, "--trials"),
        (["--trials", "100000"], 3, "at most 1,000"),
        (["--set", "search.levels=3"], 3, "training."),
        (["--dataset", "mnits"], 5, "mnist"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    arguments: list[str], code: int, words: str, ticket: Callable[..., Any], found: Path
) -> None:
    ran = ticket("retrain", f"{found}:3", *arguments)
    assert (ran.code, ran.stdout) == (code, "")
    assert words in ran.stderr


def test_a_ticket_that_is_not_there_has_its_own_code(ticket: Callable[..., Any]) -> None:
    assert ticket("retrain", "nowhere").code == 11


def test_the_help_names_every_control(ticket: Callable[..., Any]) -> None:
    text = ticket("retrain", "--help").stdout
    assert [name for name in CONTROLS if name not in text] == []


def test_a_signal_ends_an_experiment_with_its_own_code(found: Path, tmp_path: Path) -> None:
    endless = ["--set", "training.iterations=2000000", "--set", "training.evaluate_every=500"]
    arguments = ["retrain", f"{found}:3", *endless, "--workers", "1", "--out", str(tmp_path / "r")]
    process = subprocess.Popen(
        [forked.python(), "-m", "ticket_hub_cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        while not (tmp_path / "r/environment.json").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (75, "")
    assert "Traceback" not in err


def test_networks_that_were_still_improving_are_named(
    ticket: Callable[..., Any], found: Path, tmp_path: Path
) -> None:
    call = ["retrain", f"{found}:3", "--against", "reinit", "--trials", "2", "--workers", "1"]
    short = ["--set", "training.iterations=20", "--set", "training.evaluate_every=20"]
    ran = ticket(*call, "--out", str(tmp_path / "short"), *short)
    assert (
        "Still improving when the budget ended, in half of the trials or more: ticket" in ran.stderr
    )
    assert "Still improving" in (tmp_path / "short/report/report.html").read_text("utf-8")
    assert f"ticket push {found} OWNER/NAME --with-evidence {tmp_path / 'short'}" in ran.stderr
