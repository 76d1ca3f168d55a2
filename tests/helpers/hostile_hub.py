"""A hub that misbehaves: a real server on loopback, its answers made to hurt."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ticket_hub.hub import connect
from ticket_hub.hub.huggingface import HuggingFaceHub

__all__ = ["COMMIT", "GOLDEN", "REPO", "Server", "hub_of", "once", "send", "serving"]

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"
COMMIT = "1" * 40
REPO = "ann/golden"


class _Http(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Be quiet: the client hangs up on what does not end."""


class Server:
    """Serves the golden bundle; `trouble` may answer a request before it does."""

    def __init__(self) -> None:
        self.trouble: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.files = {
            str(path.relative_to(GOLDEN)): path.read_bytes()
            for path in GOLDEN.rglob("*")
            if path.is_file()
        }
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.rfile.read(int(headers.get("content-length", "0")))
                outer.requests.append((self.path, headers))
                if not outer.trouble(self):
                    outer.answer(self)

            do_POST = do_DELETE = do_GET  # noqa: N815 - the names of the standard library

            def log_message(self, *_: object) -> None:
                """Be quiet."""

        self.http = _Http(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if request.path.startswith("/api/models/"):
            siblings = [
                {"rfilename": name, "size": len(data), "blobId": "0" * 40}
                for name, data in self.files.items()
            ]
            info = {"id": REPO, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}
            send(request, 200, json.dumps(info).encode())
            return
        data = self.files.get(request.path.partition(f"/resolve/{COMMIT}/")[2])
        if data is None:
            send(request, 404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return
        start = request.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
        send(request, 206 if start else 200, data[int(start or 0) :])


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server that answers until the block ends."""
    found = Server()
    thread = threading.Thread(target=found.http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.http.shutdown()
        found.http.server_close()
        thread.join()


def send(
    request: BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str] | None = None
) -> None:
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)


def once(*statuses: int, of: str = "/resolve/") -> Callable[[BaseHTTPRequestHandler], bool]:
    """Answer the first requests for a file, or of another kind, with these, one after the other."""
    left = list(statuses)

    def trouble(request: BaseHTTPRequestHandler) -> bool:
        if left and of in request.path:
            send(request, left.pop(0), b"{}", {"Retry-After": "0"})
            return True
        return False

    return trouble


def hub_of(server: Server, token: str | None = None) -> HuggingFaceHub:
    hub = connect(server.endpoint, token=token)
    assert isinstance(hub, HuggingFaceHub)
    hub.pause = 0.01
    return hub
