"""Many people pull the same ticket at once from one hub, and each gets it whole."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.helpers import forked
from ticket_hub.hub import connect, push
from ticket_hub_api.background import RunningHub

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
SCRIPT = Path(__file__).parent / "scripts/pull_at_once.py"
PROCESSES = 2


# Sixteen show that the hub answers several at once; fifty are a storm.
@pytest.mark.parametrize("pulls_each", [8, pytest.param(25, marks=pytest.mark.slow)])
def test_pulls_at_once_are_all_whole(hub: RunningHub, tmp_path: Path, pulls_each: int) -> None:
    server = connect(hub.endpoint, token=hub.token)
    repo = f"{server.api.whoami()['name']}/fifty"  # type: ignore[attr-defined]
    commit = push(server, GOLDEN, repo).commit
    processes = [
        subprocess.Popen(
            [forked.python(), str(SCRIPT), repo, str(tmp_path / str(number)), str(pulls_each)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": hub.token},
        )
        for number in range(PROCESSES)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        outputs = [process.communicate()[0].split() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert outputs == [[commit] * pulls_each] * PROCESSES
