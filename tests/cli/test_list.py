from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

TINY = ["--set", "training.iterations=20", "--trials", "1", "--levels", "1", "--workers", "1"]


def test_without_runs_the_list_is_empty_and_says_how_to_begin(ticket: Callable[..., Any]) -> None:
    ran = ticket("list")
    assert (ran.code, ran.stdout) == (0, "")
    assert "ticket find" in ran.stderr
    assert json.loads(ticket("list", "--format", "json").stdout) == []


def test_runs_are_listed_with_how_far_they_are(ticket: Callable[..., Any]) -> None:
    found = json.loads(ticket("find", "digits-quick", *TINY, "--format", "json").stdout)
    (row,) = json.loads(ticket("list", "--format", "json").stdout)
    assert row["path"] == found["run"]
    assert row["state"] == "finished"
    assert row["levels"] == row["planned"] == 2
    assert ticket("list", "-q").stdout == f"{row['name']}\n"
    heading, line = ticket("list").stdout.splitlines()
    assert heading.startswith("RUN")
    assert "finished" in line
    assert "2 of 2" in line
