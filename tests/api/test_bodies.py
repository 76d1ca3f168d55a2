"""No request makes the service read more than its limit."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import APIRouter, Depends

from ticket_hub_api import app as module
from ticket_hub_api.accounts.principals import Scope
from ticket_hub_api.background import RunningHub
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings
from ticket_hub_api.web.guards import Requires
from ticket_hub_api.web.requests import MAX_BODY

Call = Callable[..., Any]
SOCKETS = 8 << 20  # what may be on its way in the buffers of both sockets
PATHS = ("/api/v1/jobs", "/api/v1/jobs/estimate")


def connect(hub: RunningHub, head: str) -> socket.socket:
    where = urlsplit(hub.endpoint)
    link = socket.create_connection((where.hostname, where.port), 30)
    link.sendall(f"{head}\r\nAuthorization: Bearer {hub.token}\r\nHost: x\r\n\r\n".encode())
    return link


def status_of(link: socket.socket) -> int:
    return int(link.recv(4096).split()[1])


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(
    hub: RunningHub, path: str
) -> None:
    head = f"POST {path} HTTP/1.1\r\nContent-Type: application/json\r\n"
    with connect(hub, head + f"Content-Length: {MAX_BODY + 1}") as link:
        assert status_of(link) == 413


@pytest.mark.parametrize("path", PATHS)
def test_a_body_without_a_length_is_refused_soon_after_the_limit(
    hub: RunningHub, path: str
) -> None:
    head = f"POST {path} HTTP/1.1\r\nContent-Type: application/json\r\n"
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    sent, deadline = 0, time.monotonic() + 60
    with connect(hub, head + "Transfer-Encoding: chunked") as link:
        link.settimeout(0)
        while time.monotonic() < deadline:
            readable, writable, _ = select.select([link], [link], [], 1)
            if readable:
                break
            if writable:
                sent += link.send(piece)
        link.settimeout(30)
        assert status_of(link) == 413
    assert MAX_BODY <= sent <= MAX_BODY + (1 << 20) + SOCKETS


def test_a_refused_body_is_a_problem_with_its_remedy(hub: RunningHub, call: Call) -> None:
    answer = call("POST", "/api/v1/jobs", b" " * (MAX_BODY + 1))
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["remedy"]


def test_an_application_with_a_route_without_a_limit_does_not_start(tmp_path: Path) -> None:
    settings = Settings(folder=tmp_path)
    prepare(settings, host="127.0.0.1", port=1)
    router = APIRouter()

    @router.get("/unlimited", dependencies=[Depends(Requires(Scope.ANYONE))])
    def unlimited() -> str:
        return "no"

    with pytest.raises(RuntimeError, match="/unlimited is of no kind"):
        module.create_app(settings, [*module.ROUTERS, router])
