"""kill -9 of clients and of the server: no acknowledged push is lost, no half commit is seen."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from ticket_hub_api.background import RunningHub
from ticket_hub_api.maintenance.check import check
from ticket_hub_api.store.blobs import open_blobs
from ticket_hub_api.store.database import Database

SCRIPTS = Path(__file__).parent / "scripts"
Start = Callable[..., RunningHub]


@dataclass
class Siege:
    """Processes that push and pull, killed at random moments."""

    start: Start
    hub: RunningHub
    folder: Path
    chooser: random.Random = field(default_factory=lambda: random.Random(3))
    pushers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    pullers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    generation: itertools.count[int] = field(default_factory=itertools.count)
    repository: str = ""

    def launch(self, script: str, *arguments: str, xet: bool) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "HF_ENDPOINT": self.hub.endpoint,
            "HF_TOKEN": self.hub.token,
            "HF_HOME": str(self.folder / "huggingface"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_XET": "" if xet else "1",
        }
        command = [sys.executable, str(SCRIPTS / script), self.repository, *arguments]
        with (self.folder / "messages").open("ab") as messages:
            return subprocess.Popen(command, env=environment, stdout=messages, stderr=messages)

    def push(self, slot: int) -> None:
        name = f"{slot}-{next(self.generation)}"
        log = str(self.folder / f"acknowledged-{name}")
        self.pushers[slot] = self.launch("push_forever.py", name, log, xet=slot % 2 == 0)

    def pull(self, number: int) -> None:
        log = str(self.folder / f"seen-{number}")
        self.pullers.append(self.launch("pull_forever.py", log, xet=number % 2 == 0))

    def acknowledged(self) -> list[list[str]]:
        lines = [path.read_text().splitlines() for path in self.folder.glob("acknowledged-*")]
        return [line.split() for line in itertools.chain(*lines) if len(line.split()) == 3]

    def seen(self) -> list[str]:
        lines = [path.read_text().splitlines() for path in self.folder.glob("seen-*")]
        return [line.split()[0] for line in itertools.chain(*lines) if line]

    def wait_for(self, acknowledged: int, seen: int) -> None:
        """Let the processes work until this much more was done."""
        before, looked = len(self.acknowledged()), len(self.seen())
        deadline = time.monotonic() + 120
        while len(self.acknowledged()) < before + acknowledged or len(self.seen()) < looked + seen:
            assert time.monotonic() < deadline, (self.folder / "messages").read_text()[-3000:]
            time.sleep(0.02)

    def kill_a_pusher(self) -> None:
        slot = self.chooser.choice(sorted(self.pushers))
        time.sleep(self.chooser.random() * 0.1)
        self.pushers[slot].send_signal(signal.SIGKILL)
        self.pushers[slot].wait()
        self.push(slot)

    def kill_the_hub(self) -> None:
        time.sleep(self.chooser.random() * 0.1)
        self.hub.kill()
        self.hub = self.start(**vars(self.hub.settings), port=self.hub.port)

    def end(self) -> None:
        for process in [*self.pushers.values(), *self.pullers]:
            process.kill()
            process.wait()


def besiege(
    start: Start, folder: Path, *, pushers: int, pullers: int, rounds: int, hub_kills: int
) -> tuple[int, int]:
    """Return how many pushes were acknowledged, and how many pulls were whole."""
    folder.mkdir()
    siege = Siege(start, start(), folder)
    api = HfApi(endpoint=siege.hub.endpoint, token=siege.hub.token)
    siege.repository = api.create_repo("besieged").repo_id
    try:
        for slot in range(pushers):
            siege.push(slot)
        for number in range(pullers):
            siege.pull(number)
        siege.wait_for(pushers, pullers)
        for turn in range(rounds):
            siege.wait_for(2, 1)
            siege.kill_a_pusher()
            if hub_kills and turn % (rounds // hub_kills) == 0:
                siege.kill_the_hub()
        siege.wait_for(2, 2)
    finally:
        siege.end()
    verify(siege, api)
    return len(siege.acknowledged()), len(siege.seen())


def verify(siege: Siege, api: HfApi) -> None:
    assert set(siege.seen()) == {"whole"}
    history = [commit.commit_id for commit in api.list_repo_commits(siege.repository)]
    acknowledged = siege.acknowledged()
    assert {oid for oid, _, _ in acknowledged} <= set(history)
    for oid, slot, sha256 in siege.chooser.sample(acknowledged, min(20, len(acknowledged))):
        (info,) = api.get_paths_info(siege.repository, f"{slot}/large.bin", revision=oid)
        assert getattr(info, "lfs", None)
        assert info.lfs.sha256 == sha256  # type: ignore[union-attr]
    settings = siege.hub.settings
    database = Database(settings.database_url)
    assert list(check(database, open_blobs(settings.storage_url, settings.spool))) == []
    database.close()


@pytest.mark.parametrize(
    ("rounds", "hub_kills", "least"), [(2, 1, 8), pytest.param(4, 2, 12, marks=pytest.mark.slow)]
)
def test_killing_clients_and_server_loses_nothing(
    start: Start, tmp_path: Path, rounds: int, hub_kills: int, least: int
) -> None:
    pushed, pulled = besiege(
        start, tmp_path / "siege", pushers=2, pullers=2, rounds=rounds, hub_kills=hub_kills
    )
    assert pushed >= least
    assert pulled >= 2 + rounds


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_sixteen_pullers_and_four_killed_pushers(
    start: Start,
    tmp_path: Path,
    kind: str,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def begin(**choices: object) -> RunningHub:
        if kind == "postgresql":
            choices["database"] = request.getfixturevalue("fresh_database")
        return start(**choices)

    pushed, pulled = besiege(
        begin, tmp_path / "siege", pushers=4, pullers=16, rounds=40, hub_kills=8
    )
    with capsys.disabled():
        sys.stdout.write(
            f"\n{kind}: {pushed} pushes acknowledged, 0 lost; {pulled} pulls, 0 torn\n"
        )
