from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_transfer_ends_with_a_row_for_each_cell_and_files(
    ticket: Callable[..., Any], found: Path, tmp_path: Path
) -> None:
    place = ["--out", str(tmp_path / "run"), "--workers", "1", "--trials", "3"]
    own = ["--set", "digits:training.lr=0.01"]
    ran = ticket("transfer", str(found), "--levels", "1,2", "--datasets", "digits", *place, *own)
    assert ran.code == 0
    heading, *rows = ran.stdout.splitlines()
    assert heading.split()[:4] == ["TICKET", "LEVEL", "DATA", "SET"]
    assert "MINUS REINIT (95%)" in heading
    assert [row.split()[:3] for row in rows[:2]] == [
        ["digits-quick", "1", "digits"],
        ["digits-quick", "2", "digits"],
    ]
    assert "n = 3 tickets, margin 0.2 points, corrected for 4 comparisons" in ran.stdout
    assert "digits-quick on digits, level 2 (" in ran.stderr
    matrix = json.loads((tmp_path / "run/matrix.json").read_bytes())["matrix"]
    assert [cell["level"] for cell in matrix["cells"]] == [1, 2]
    assert (tmp_path / "run/report/matrix-reinit.png").read_bytes()[:4] == b"\x89PNG"
    again = ticket("report", str(tmp_path / "run"), "--format", "html", "--format", "json")
    page, _, cells = again.stdout.partition("\n")
    assert page == str(tmp_path / "run/report/report.html")
    assert json.loads(cells) == matrix["cells"]


def test_json_has_numbers_and_quiet_names_the_folder(
    ticket: Callable[..., Any], found: Path, tmp_path: Path
) -> None:
    call = ["transfer", f"{found}:2", "--datasets=digits", "--trials=1", "--out", str(tmp_path)]
    told = json.loads(ticket(*call, "--format", "json", "--workers=1").stdout)
    (cell,) = told["matrix"]["cells"]
    assert [row["network"] for row in cell["rows"]] == ["ticket", "reinit", "dense"]
    assert cell["rows"][0]["accuracy_low"] is None
    again = ticket(*call, "--format", "jsonl", "--workers=1")
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    assert [line["accuracy"] for line in lines] == [row["accuracy"] for row in cell["rows"]]
    quiet = ticket(*call, "-q")
    assert (quiet.stdout, quiet.stderr) == (f"{tmp_path}\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--datasets", "digits", "--against", "renit"], 3, "reinit"),
        (["--datasets", "digits", "--set", "mnist:training.lr=1"], 3, "mnist"),
        (["--datasets", "digits", "--levels", "9"], 11, "level"),
        (["--datasets", "mnits"], 5, "mnist"),
        ([], 2, "--datasets"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    arguments: list[str], code: int, words: str, ticket: Callable[..., Any], found: Path
) -> None:
    ran = ticket("transfer", str(found), *arguments)
    assert (ran.code, ran.stdout) == (code, "")
    assert words in ran.stderr
