"""`ticket hub index` against a hub of somebody else, which need not be a friendly one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.helpers.hostile_hub import REPO, Server, send, serving
from ticket_hub.errors import HubAccessError, HubUnavailableError
from ticket_hub_api import operation
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path, server: Server) -> Settings:
    made = Settings(folder=tmp_path / "near", mirrors=server.endpoint)
    prepare(made, host="127.0.0.1", port=1)
    return made


def listing(*names: object) -> bytes:
    return json.dumps([{"id": name} for name in names]).encode()


def index(settings: Settings) -> dict[str, str]:
    return {each["repo"]: each["done"] for each in operation.index_mirrored(settings, ["ann"])}


def answer_lists(server: Server, *names: object, refuse: str = "", status: int = 400) -> None:
    def trouble(request: BaseHTTPRequestHandler) -> bool:
        if request.path.startswith("/api/models?"):
            send(request, 200, listing(*names))
            return True
        if refuse and refuse in request.path:
            send(request, status, b"{}", {"Retry-After": "0"})
            return True
        return False

    server.trouble = trouble


def test_the_operators_token_goes_to_no_mirror_that_it_is_not_for(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    answer_lists(server, REPO)
    assert index(settings) == {REPO: "listed"}
    assert not any("authorization" in headers for _, headers in server.requests)
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint + "/")
    server.requests.clear()
    assert index(settings) == {REPO: "unchanged"}
    assert all(headers["authorization"] == "Bearer hf_canary" for _, headers in server.requests)


def test_a_mirror_that_wants_a_token_is_refused_with_the_way_to_give_it(
    server: Server, settings: Settings
) -> None:
    def trouble(request: BaseHTTPRequestHandler) -> bool:
        send(request, 401, b"{}")
        return True

    server.trouble = trouble
    with pytest.raises(HubAccessError) as refused:
        index(settings)
    assert "HF_ENDPOINT" in refused.value.remedy


@pytest.mark.parametrize("status", [400, 403, 404, 410, 500])
def test_one_repository_that_cannot_be_listed_ends_nothing(
    server: Server, settings: Settings, status: int
) -> None:
    answer_lists(server, REPO)
    assert index(settings) == {REPO: "listed"}
    answer_lists(server, "../x", "ann/bad", REPO, refuse="ann/bad", status=status)
    assert index(settings) == {"ann/bad": "left out", REPO: "unchanged", "": "left out"}


def test_what_cannot_be_asked_now_is_not_gone(server: Server, settings: Settings) -> None:
    answer_lists(server, REPO)
    assert index(settings) == {REPO: "listed"}
    answer_lists(server, REPO, refuse=REPO, status=500)
    assert index(settings) == {REPO: "left out"}
    answer_lists(server, REPO, "ann/two", refuse="/api/models/ann/", status=500)
    with pytest.raises(HubUnavailableError):
        index(settings)
    answer_lists(server, REPO)
    assert index(settings) == {REPO: "unchanged"}
