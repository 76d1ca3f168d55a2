"""`ticket watch`: a run that another process works on, as it is seen from this one."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ticket_hub
from tests.helpers.commands import Ran
from tests.helpers.forked import fork_of, start
from ticket_hub.errors import TicketNotFoundError
from ticket_hub.runs.file_names import PROGRESS

SHORT = [
    "--set",
    "training.evaluate_every=20",
    "--levels",
    "1",
    "--trials",
    "2",
    "--backend",
    "stack",
]
Begin = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Starts `ticket find digits-quick` in another process."""
    begun: list[subprocess.Popen[bytes]] = []

    def find(iterations: int, *options: str) -> subprocess.Popen[bytes]:
        arguments = [
            "find", "digits-quick", "--set", f"training.iterations={iterations}", *SHORT, *options,
        ]  # fmt: skip
        begun.append(start("ticket_hub_cli", arguments, os.environ, tmp_path / "find.log"))
        return begun[-1]

    yield find
    for process in begun:
        process.kill()
        process.wait()


def first_reading(events: Iterator[dict[str, object]]) -> dict[str, object]:
    return next(each for each in events if each["event"] == "progress")


def until_it_runs(process: subprocess.Popen[bytes]) -> Iterator[dict[str, object]]:
    """The events of the run that this process begins, from when it is there."""
    while process.poll() is None:
        try:
            events = ticket_hub.watch_run(seconds=0.05)
            return itertools.chain([next(events)], events)
        except TicketNotFoundError:
            continue
    raise AssertionError("the search ended before it could be watched")


def test_a_run_of_another_process_is_watched_until_it_ends(begin: Begin) -> None:
    process = begin(5000)  # a level takes longer than the second between two readings
    events = list(until_it_runs(process))
    assert process.wait(60) == 0
    kinds = [each["event"] for each in events]
    assert (kinds[0], kinds[-1]) == ("run", "ended")
    assert events[-1]["state"] == "finished"
    levels = [each for each in events if each["event"] == "level"]
    assert [(each["index"], each["resumed"]) for each in levels] == [(0, False), (1, False)]
    readings = [each for each in events if each["event"] == "progress"]
    assert {each["member"] for each in readings} == {"trial-0", "trial-1"}
    assert {each["level"] for each in readings} == {0, 1}
    assert any(each["rate"] for each in readings)
    assert not (Path(str(events[0]["path"])) / PROGRESS).exists()


def test_a_run_that_is_killed_is_told_to_be_stopped(
    begin: Begin, ticket: Callable[..., Ran]
) -> None:
    process = begin(100_000)
    events = until_it_runs(process)
    assert first_reading(events)["iterations"] == 100_000
    os.kill(fork_of(process.pid), signal.SIGKILL)
    process.wait()
    assert list(events)[-1] == {"event": "ended", "state": "stopped", "ending": ""}
    told = ticket("watch", "digits-quick", "--format", "jsonl")
    assert told.code == 1
    assert json.loads(told.stdout.splitlines()[-1])["state"] == "stopped"


def test_a_run_that_an_engine_does_in_parts_is_watched_part_by_part(begin: Begin) -> None:
    process = begin(300, "--engine", "local", "--engine-option", "slots=2")
    events = list(until_it_runs(process))
    assert process.wait(60) == 0
    assert events[-1]["state"] == "finished"
    works = {each["work"] for each in events if each.get("work")}
    assert works == {"trials-0-0", "trials-1-1"}


def test_people_read_sentences_of_a_run_that_has_ended(
    found: Path, ticket: Callable[..., Ran]
) -> None:
    ran = ticket("watch", str(found))
    assert ran.code == 0
    first, *levels, last = ran.stdout.splitlines()
    assert "finished, 5 trials, 6 of 6 levels" in first
    assert len(levels) == 6
    assert levels[0].startswith("level 0: 100.00% of the weights left, test accuracy 9")
    assert last == "finished. All 5 rounds are done."


def test_where_nothing_is_worked_on_that_is_said(ticket: Callable[..., Ran]) -> None:
    ran = ticket("watch")
    assert ran.code != 0
    assert "Nothing is being worked on" in ran.stderr
    assert "`ticket list`" in ran.stderr
