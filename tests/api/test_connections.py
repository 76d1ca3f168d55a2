"""A connection that keeps the hub waiting is ended; one that does not is left alone.

A real server on loopback with the hub's kind of connection, and less patience than the hub has.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from typing import Any

import pytest
import uvicorn

from ticket_hub_api.web import connections
from ticket_hub_api.web.connections import Connection, limited, raise_descriptors

HEAD_SECONDS, WINDOW_SECONDS, SWEEP_SECONDS = 0.4, 0.6, 0.05
HALF = b"GET / HTTP/1.1\r\nHost: x\r\n"
WHOLE = HALF + b"\r\n"
LARGE = 64 << 20


async def application(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own
    """Reads the body; works for a second at /work, sends much at /large."""
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    if scope["path"] == "/work":
        await asyncio.sleep(2 * HEAD_SECONDS)
    length = LARGE if scope["path"] == "/large" else len(str(size))
    headers = [(b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/large":
        for _ in range(LARGE >> 20):
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        await send({"type": "http.response.body"})
    else:
        await send({"type": "http.response.body", "body": str(size).encode()})


Serve = Callable[[type[Connection]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server with a kind of connection; its port."""
    with contextlib.ExitStack() as servers:

        def start(kind: type[Connection]) -> int:
            kind.head_seconds, kind.window_seconds, kind.min_bytes = (
                HEAD_SECONDS,
                WINDOW_SECONDS,
                500,
            )
            kind.all.sweep_seconds = SWEEP_SECONDS
            listening = servers.enter_context(socket.create_server(("127.0.0.1", 0)))
            config = uvicorn.Config(application, http=kind, ws="none", log_config=None)
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
            thread.start()
            servers.callback(thread.join)
            servers.callback(setattr, server, "force_exit", True)  # noqa: FBT003 - the value
            servers.callback(setattr, server, "should_exit", True)  # noqa: FBT003 - the value
            return int(listening.getsockname()[1])

        yield start


@pytest.fixture
def port(serve: Serve) -> int:
    """Of a server that admits any number."""
    return serve(limited(0, 0))


@contextlib.contextmanager
def connected(port: int, sent: bytes = b"", source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), 20, (source, 0)) as link:
        link.sendall(sent)
        yield link


def answer(link: socket.socket) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    response = HTTPResponse(link)
    response.begin()
    return response.status, response.read()


def rest_of(link: socket.socket) -> bytes:
    """What comes until the server closes."""
    pieces = []
    with contextlib.suppress(ConnectionResetError):
        while piece := link.recv(1 << 16):
            pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("sent", [b"G", HALF, HALF + b"X-Long: "])
def test_half_a_request_is_ended(port: int, sent: bytes) -> None:
    started = time.monotonic()
    with connected(port, sent) as link:
        assert rest_of(link).startswith(b"HTTP/1.1 408 ")
    assert HEAD_SECONDS <= time.monotonic() - started < 10


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(port: int) -> None:
    with connected(port) as link:
        assert rest_of(link) == b""


def test_a_request_that_comes_byte_by_byte_is_ended(port: int) -> None:
    with connected(port) as link, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        started = time.monotonic()
        for byte in HALF + b"X-Long: " + b"x" * 1000:
            link.sendall(bytes([byte]))
            time.sleep(0.02)
            assert time.monotonic() - started < 10
    assert time.monotonic() - started >= HEAD_SECONDS


def test_a_connection_that_goes_on_asking_stays_open(port: int) -> None:
    with connected(port) as link:
        for _ in range(6):
            link.sendall(WHOLE)
            assert answer(link) == (200, b"0")
            time.sleep(HEAD_SECONDS / 4)


def test_a_body_that_hardly_comes_is_ended(port: int) -> None:
    with connected(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n") as link:
        for _ in range(3):
            link.sendall(b"x")
            time.sleep(0.1)
        assert rest_of(link).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_comes_slowly_but_steadily_arrives(port: int) -> None:
    with connected(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n") as link:
        for _ in range(15):
            link.sendall(bytes(600))
            time.sleep(0.1)
        assert answer(link) == (200, b"9000")


def test_an_answer_that_nobody_takes_is_ended(port: int) -> None:
    with connected(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n") as link:
        time.sleep(3 * WINDOW_SECONDS)
        assert len(rest_of(link)) < LARGE


def test_an_answer_that_is_taken_slowly_but_steadily_arrives(port: int) -> None:
    with connected(port, b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as link:
        taken = 0
        for _ in range(20):
            taken += len(link.recv(1 << 20))
            time.sleep(0.1)
        assert taken + len(rest_of(link)) > LARGE


def test_nobody_is_ended_while_the_hub_works(port: int) -> None:
    with connected(port, b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n") as link:
        assert answer(link) == (200, b"0")


@pytest.mark.parametrize(("most", "most_each"), [(3, 0), (0, 3)])
def test_a_request_gets_in_beside_any_number_of_half_open_ones(
    serve: Serve, most: int, most_each: int
) -> None:
    port = serve(limited(most, most_each))
    with contextlib.ExitStack() as links:
        held = [links.enter_context(connected(port, HALF)) for _ in range(3)]
        time.sleep(HEAD_SECONDS / 4)  # until their halves have come
        with connected(port, WHOLE) as link:
            assert answer(link) == (200, b"0")
        assert rest_of(held[0]).startswith(b"HTTP/1.1 408 ")  # the one that waited longest


def test_more_requests_at_once_than_connections_are_refused(serve: Serve) -> None:
    port = serve(limited(2, 0))
    with contextlib.ExitStack() as links:
        work = b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n"
        held = [links.enter_context(connected(port, work)) for _ in range(2)]
        time.sleep(HEAD_SECONDS / 2)
        with connected(port, WHOLE) as link:
            refusal = rest_of(link)
        assert refusal.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: " in refusal
        assert [answer(link) for link in held] == [(200, b"0")] * 2


def test_one_address_takes_nothing_from_another(serve: Serve) -> None:
    port = serve(limited(4, 3))
    with contextlib.ExitStack() as links:
        try:
            other = links.enter_context(connected(port, WHOLE, source="127.0.0.2"))
        except OSError:
            pytest.skip("this machine has one loopback address")
        for _ in range(10):
            links.enter_context(connected(port, HALF))
        assert answer(other)[0] == 200
        other.sendall(WHOLE)
        assert answer(other) == (200, b"0")


def test_a_process_may_open_as_many_files_as_its_connections_need() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, soft), hard))
        assert raise_descriptors(200) == 200
        raised, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert raised >= 200 + connections.SPARE_DESCRIPTORS
        if hard != resource.RLIM_INFINITY:  # no more than it may
            assert raise_descriptors(hard) == (hard - connections.SPARE_DESCRIPTORS) // 2
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_large_answer_that_is_still_taken_makes_no_room_for_another(serve: Serve) -> None:
    port = serve(limited(1, 0))
    with connected(port, b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as link:
        taken = len(link.recv(1 << 16))
        with connected(port, WHOLE) as other:
            assert rest_of(other).startswith(b"HTTP/1.1 503 ")
        assert taken + len(rest_of(link)) > LARGE
