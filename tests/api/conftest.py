from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import HfApi

from tests.helpers import forked
from tests.helpers.calling import Caller
from tests.helpers.once import once
from ticket_hub import retrain
from ticket_hub_api.background import RunningHub, start_hub
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import migrate

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"
QUICK = {"training.iterations": 60, "training.evaluate_every": 20}
SCRIPTS = Path(__file__).parent / "hub" / "scripts"


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A real hub in a process of its own, shared by all tests that do not break it."""
    folder = tmp_path_factory.mktemp("hub")
    settings = Settings(
        folder=folder, part_bytes=5 << 20, requests_per_minute=0, failures_per_minute=0
    )
    with forked.running_hub(settings) as running:
        yield running


@pytest.fixture
def call(hub: RunningHub) -> Caller:
    return Caller(hub.endpoint, hub.token)


@pytest.fixture
def call_to() -> Callable[[RunningHub], Caller]:
    """Makes what `call` is, for another hub."""
    return lambda other: Caller(other.endpoint, other.token)


@pytest.fixture
def api(hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> HfApi:
    """The stock client of this environment, without the chunked transfer."""
    return HfApi(endpoint=hub.endpoint, token=hub.token)


@pytest.fixture
def repository(api: HfApi) -> str:
    """A new, empty repository."""
    name: str = api.create_repo(f"made-{uuid.uuid4().hex[:12]}").repo_id
    return name


RunClient = Callable[..., str]


def client_python(version: str) -> str:
    """The interpreter whose huggingface_hub has this version."""
    if version == "installed":
        return sys.executable
    named = os.environ.get(f"TICKET_TEST_HUB_{version.replace('.', '_')}", "")
    if not named:
        pytest.skip(
            f"needs huggingface_hub {version}: set TICKET_TEST_HUB_{version.replace('.', '_')} to "
            "the python of an environment that has it"
        )
    return named


@pytest.fixture
def run_client(hub: RunningHub, tmp_path: Path) -> RunClient:
    """Run a script in a process of its own, as a user of the stock client would."""

    def run(
        script: str,
        *arguments: str,
        version: str = "installed",
        xet: bool = True,
        target: RunningHub = hub,
    ) -> str:
        environment = {
            **os.environ,
            "HF_ENDPOINT": target.endpoint,
            "HF_TOKEN": target.token,
            "HF_HOME": str(tmp_path / "huggingface"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "" if xet else "1",
        }
        done = subprocess.run(
            [client_python(version), str(SCRIPTS / script), *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def owner(hub: RunningHub) -> str:
    """The name of the account that the shared hub was started with."""
    name: str = HfApi(endpoint=hub.endpoint, token=hub.token).whoami()["name"]
    return name


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def new_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """The database of a new hub without accounts, of either kind."""
    url = f"sqlite:///{tmp_path_factory.mktemp('hub') / 'hub.sqlite'}"
    if request.param == "postgresql":
        url = Settings(database=request.getfixturevalue("shared_database")).database_url
    opened = Database(url)
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def database(hub: RunningHub) -> Iterator[Database]:
    """The shared hub's own database."""
    opened = Database(hub.settings.database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `ticket retrain` writes about two levels of the golden bundle."""

    def make(folder: Path) -> None:
        torch.set_num_threads(1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TICKET_HOME", str(folder / "home"))
            retrain(
                f"{GOLDEN}:2,3", trials=3, changes=QUICK, run_folder=folder / "run", workers=1,
                who="Ada",
            )  # fmt: skip

    folder = once(tmp_path_factory, "evidence", make)
    table: dict[str, Any] = json.loads((folder / "run/evidence.json").read_bytes())
    return table


StartHub = Callable[..., RunningHub]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartHub]:
    """Start hubs that this test may break; all are stopped at its end.

    With `fresh` the process has imported nothing before.
    """
    started: list[RunningHub] = []

    def begin(
        *,
        port: int = 0,
        environment: dict[str, str] | None = None,
        fresh: bool = False,
        **choices: Any,  # noqa: ANN401 - fields of Settings
    ) -> RunningHub:
        settings = Settings(**{"folder": tmp_path / "hub"} | choices)
        begin_hub = start_hub if fresh else forked.start_hub
        started.append(begin_hub(settings, port=port, environment=environment))
        return started[-1]

    yield begin
    for running in started:
        running.stop()
