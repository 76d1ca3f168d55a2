from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from huggingface_hub import HfApi

from ticket_hub_api.background import RunningHub, running_hub
from ticket_hub_api.settings import Settings

SCRIPTS = Path(__file__).parent / "scripts"


@dataclass
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        return json.loads(self.body)


@dataclass
class Caller:
    """Speaks plain HTTP to a hub, without any client library."""

    endpoint: str
    token: str = ""

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        secret = self.token if token is None else token
        sent = dict(headers or {})
        if secret:
            sent["Authorization"] = f"Bearer {secret}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        where = urlsplit(self.endpoint)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A real hub in a process of its own, shared by all tests that do not break it."""
    folder = tmp_path_factory.mktemp("hub")
    with running_hub(Settings(folder=folder, part_bytes=5 << 20)) as running:
        yield running


@pytest.fixture
def call(hub: RunningHub) -> Caller:
    return Caller(hub.endpoint, hub.token)


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

    def run(script: str, *arguments: str, version: str = "installed", xet: bool = True) -> str:
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.endpoint,
            "HF_TOKEN": hub.token,
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
