from __future__ import annotations

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
from ticket_hub.analysis import analyses


def test_analyze_ends_with_sentences_and_a_page(
    ticket: Callable[..., Any], found: Path, tmp_path: Path
) -> None:
    ran = ticket("analyze", f"{found}:2,3", "--only", "overlap,density", "--out", str(tmp_path))
    assert ran.code == 0
    lines = ran.stdout.splitlines()
    assert [line.split(" (")[0] for line in lines[:4]] == [
        "density, level 2",
        "density, level 3",
        "overlap, level 2",
        "overlap, level 3",
    ]
    assert lines[4] == f"page: {tmp_path / 'analysis.html'}"
    assert (tmp_path / "analysis.html").read_text().startswith("<!doctype html>")


def test_json_has_everything_and_quiet_names_the_folder(
    ticket: Callable[..., Any], found: Path, tmp_path: Path
) -> None:
    call = ["analyze", f"{found}:3", "--only", "density", "--out", str(tmp_path)]
    (finding,) = json.loads(ticket(*call, "--format", "json").stdout)["findings"]
    assert finding["result"]["layers"][0]["kept"] == [786] * 5
    assert (ticket(*call, "-q").stdout, ticket(*call, "-q").stderr) == (f"{tmp_path}\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--only", "densty"], 3, "density"),
        (["--trials", "6"], 3, "1 to 5"),
        (["--set", "search.levels=3"], 3, "training."),
        (["--with", "nowhere"], 11, "nowhere"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    arguments: list[str], code: int, words: str, ticket: Callable[..., Any], found: Path
) -> None:
    ran = ticket("analyze", f"{found}:3", *arguments)
    assert (ran.code, ran.stdout) == (code, "")
    assert words in ran.stderr


def test_the_help_names_every_analysis(ticket: Callable[..., Any]) -> None:
    text = ticket("analyze", "--help").stdout
    assert [each.name for each in analyses() if f" {each.name}" not in text] == []


def test_the_page_of_the_analyses_names_every_one() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/analysis.md").read_text("utf-8")
    assert [each.name for each in analyses() if f"\n## `{each.name}`" not in page] == []


def test_a_signal_ends_an_analysis_with_its_own_code(found: Path, tmp_path: Path) -> None:
    arguments = [
        "analyze",
        f"{found}:3",
        "--only",
        "noise",
        "--trials",
        "2",
        "--iterations",
        "2000000",
        "--workers",
        "1",
    ]
    process = subprocess.Popen(
        [forked.python(), "-m", "ticket_hub_cli", *arguments, "--out", str(tmp_path / "r")],
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
    assert "12 networks" in err
