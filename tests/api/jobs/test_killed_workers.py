"""None of many jobs is lost or finished twice, however often their workers are killed."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ticket_hub_api.background import RunningHub
from ticket_hub_api.worker.options import Options
from ticket_hub_api.worker.slot import to_line

_log = logging.getLogger(__name__)
API = "/api/v1/jobs"
OPEN = ("queued", "running")
Call = Callable[..., Any]
TINY = {"iterations": 20, "evaluate_every": 10, "trials": 1, "levels": 1}
LONG = [pytest.mark.slow, pytest.mark.timeout(5400)]


@pytest.mark.parametrize(
    ("kind", "jobs", "workers", "seconds"),
    [
        pytest.param("sqlite", 6, 2, 15, marks=pytest.mark.slow),
        pytest.param("postgresql", 6, 2, 15, marks=pytest.mark.slow),
        pytest.param("sqlite", 200, 4, math.inf, marks=LONG),
        pytest.param("postgresql", 200, 4, math.inf, marks=LONG),
    ],
)
def test_none_is_lost_and_none_finished_twice_while_workers_are_killed(
    request: pytest.FixtureRequest,
    start: Callable[..., RunningHub],
    call_to: Callable[[RunningHub], Call],
    tmp_path: Path,
    kind: str,
    jobs: int,
    workers: int,
    seconds: float,
) -> None:
    """With infinite `seconds` it wants a machine that has nothing else to do: a slot lives 8 s."""
    database = request.getfixturevalue("fresh_database") if kind == "postgresql" else ""
    hub = start(database=database, job_waiting=1000)
    ask = call_to(hub)
    owner = ask("GET", "/api/whoami-v2").json["name"]
    made = []
    for number in range(jobs):
        find = {"kind": "find", "recipe": "digits-quick", "repository": f"{owner}/j{number}"}
        answer = ask("POST", API, find | TINY | {"seed": number})
        assert answer.status == 201, answer.body
        made.append(answer.json["id"])
    slots = [Slot(hub, tmp_path / "jobs") for _ in range(workers)]
    try:
        killed = kill_until_done(ask, slots, jobs, seconds)
    finally:
        for slot in slots:
            slot.end()
    assert killed >= min(seconds, jobs) / 2 - 1
    for job in made:
        told = ask("GET", f"{API}/{job}/events").body.decode()
        assert told.count("event: finished\n") == 1, told
        found = ask("GET", f"{API}/{job}").json
        assert (found["state"], found["failures"]) == ("finished", 0), found


class Slot:
    """One slot's process, which can be killed and started again."""

    def __init__(self, hub: RunningHub, workplace: Path) -> None:
        workplace.mkdir(exist_ok=True)
        self.options = Options(
            database=hub.settings.database_url,
            endpoint=hub.endpoint,
            jobs_folder=str(workplace),
            data_dir=str(workplace / "data"),
            device="cpu",
            lease_seconds=4,
            checkpoint_seconds=0.2,
        )
        self.begin()

    def begin(self) -> None:
        command = [sys.executable, "-m", "ticket_hub_api.worker.slot"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert self.process.stdin is not None
        self.process.stdin.write(to_line(self.options))
        self.process.stdin.flush()

    def kill(self) -> None:
        self.end()
        self.begin()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()


def kill_until_done(ask: Call, slots: list[Slot], jobs: int, seconds: float) -> int:
    """Kills a slot every two seconds for so long, one after the other; then lets them end.

    Returns:
        How many were killed.
    """
    begun, turn = time.monotonic(), 0
    while any(ask("GET", f"{API}?state={state}&limit=1").json["items"] for state in OPEN):
        passed = time.monotonic() - begun
        assert passed < 60 + 25 * jobs
        if passed < seconds and passed > 2 * (turn + 1):
            slots[turn % len(slots)].kill()
            turn += 1
        time.sleep(0.2)
    _log.info("%d jobs, %.0f s, %d kills", jobs, time.monotonic() - begun, turn)
    return turn
