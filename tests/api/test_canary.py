"""A token that is shown everywhere is found nowhere afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.helpers import forked
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.accounts.principals import Scope
from ticket_hub_api.app import create_app, scopes_of
from ticket_hub_api.background import RunningHub
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/format-1"
Call = Callable[..., Any]


def routes(folder: Path) -> Iterator[tuple[str, str]]:
    """Every method and pattern of the service."""
    settings = Settings(folder=folder)
    prepare(settings, host="127.0.0.1", port=1)
    app = create_app(settings)
    app.state.services.close()
    for route, scope in scopes_of(app):
        if scope not in {Scope.SIGNED, Scope.XET_READ, Scope.XET_WRITE}:
            for method in sorted(route.methods or ()):
                yield method, route.path_format


def address(pattern: str, value: str) -> str:
    """A pattern with something in each of its places."""
    while "{" in pattern:
        begin, stop = pattern.index("{"), pattern.index("}") + 1
        kind = pattern[begin:stop]
        pattern = pattern[:begin] + ("models" if kind == "{kind}" else value) + pattern[stop:]
    return pattern


def held(answer: Any) -> bytes:  # noqa: ANN401 - what `call` gives
    return bytes(answer.body) + str(answer.headers).encode()


def push(hub: RunningHub, token: str, name: str, folder: Path) -> None:
    """A push and a pull by the command line, with the token in its environment."""
    bundle = Path(shutil.copytree(GOLDEN, folder / "bundle"))
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HF_TOKEN": token,
        "HF_HOME": str(folder / "client/huggingface"),
        "TICKET_HOME": str(folder / "client/home"),
    }
    log = folder / "said"
    for command in (["push", str(bundle), name], ["pull", name], ["pull", f"{name}-not-there"]):
        forked.ticket(command, environment, log)
    said = log.read_text("utf-8")
    assert "There is no" in said
    assert token not in said


def ways(pattern: str, canary: str) -> Iterator[tuple[str, str, object]]:
    """A route's address, a token and a body: what is secret in each place where it may stand."""
    # Whoever makes a repository names it, and the name is kept.
    body = {"token": canary, "name": "named", "recipe": canary}
    path = address(pattern, "x")
    for sent in (body, urlencode(body).encode()):
        yield path, canary, sent
        yield f"{path}?{urlencode({'token': canary, 'q': canary})}", canary, sent
        yield path, canary + "y", sent


# Each route is asked in every way, or in each third of them, another third than the one before.
@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_no_token_is_left_in_a_log_an_answer_or_a_file(
    tmp_path: Path,
    start: Callable[..., RunningHub],
    call_to: Callable[[RunningHub], Call],
    capfd: pytest.CaptureFixture[str],
    every: int,
) -> None:
    hub = start(folder=tmp_path / "hub", requests_per_minute=0, failures_per_minute=0)
    database = Database(hub.settings.database_url)
    accounts.add_user(database, "ann")
    canary = tokens.create_token(database, "ann", scope="admin").secret
    database.close()
    call = call_to(hub)
    push(hub, canary, "ann/digits", tmp_path)
    answers = 0
    for number, (method, pattern) in enumerate(routes(tmp_path / "routes")):
        for path, token, sent in islice(ways(pattern, canary), number % every, None, every):
            answer = call(method, path, sent, token=token)
            assert answer.status < 500 or answer.status == 501, (method, path)
            # What somebody asks for may be in the answer to them; their permission may not.
            if canary.encode() in held(answer):
                assert isinstance(sent, dict) or "?" in path, (method, path)
            answers += 1
    hub.stop()
    assert answers > 400 // every
    said = capfd.readouterr().err
    assert '"time"' in said
    assert canary not in said
    for file in sorted((tmp_path / "hub").rglob("*")):
        if file.is_file():
            assert canary.encode() not in file.read_bytes(), file
    for file in sorted((tmp_path / "client").rglob("*")):
        if file.is_file():
            assert canary.encode() not in file.read_bytes(), file
