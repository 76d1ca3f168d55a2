"""A server under load beside a plain Starlette route: in turns, on connections that stay open.

Both servers run in processes of their own (uvicorn, one worker each, the same protocol code). On a
machine that others use, rates say more about who gets the processor than about the server: the
ratio by processor time per request (Linux only) is the one to look at there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.metadata
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi
from measure import machine

from ticket_hub.transfer.sharing import push_bundle
from ticket_hub_api.background import RunningHub

__all__ = ["AskedRoute", "beside", "choices", "compare", "fill", "plain_server", "report"]

GOLDEN = Path(__file__).resolve().parents[1] / "tests/golden/format-1"
SERVERS = ("fastapi", "starlette", "uvicorn", "h11")

PLAIN = """
import sys
from starlette.applications import Starlette
from starlette.responses import FileResponse, Response
from starlette.routing import Route
bodies = {}
async def plain(request):
    length = int(request.path_params["length"])
    if length not in bodies:
        bodies[length] = b"x" * length
    return Response(bodies[length], media_type="application/json")
async def whole(request):
    return FileResponse(sys.argv[2])
import uvicorn
uvicorn.run(Starlette(routes=[Route("/plain/{length}", plain), Route("/file", whole)]),
            host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
"""
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class AskedRoute:
    """A request, made again and again over connections that stay open."""

    name: str
    port: int
    path: str
    pid: int
    token: str = ""

    @property
    def cpu_seconds(self) -> float:
        """The processor time that the server has used so far."""
        return time.clock_gettime(~self.pid << 3 | 2)  # as clock_getcpuclockid(3) makes it

    @property
    def request(self) -> bytes:
        """The bytes of one request."""
        head = f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
        if self.token:
            head += f"Authorization: Bearer {self.token}\r\n"
        return f"{head}\r\n".encode()


Pairs = list[tuple[AskedRoute, AskedRoute]]


@dataclass(frozen=True)
class PlainServer:
    """The plain routes: a body of any length from memory, and a file."""

    port: int
    pid: int

    def answering(self, length: int) -> AskedRoute:
        """The route that answers so many bytes."""
        return AskedRoute("plain", self.port, f"/plain/{length}", self.pid)

    def file(self) -> AskedRoute:
        """The route that answers with the file."""
        return AskedRoute("file", self.port, "/file", self.pid)


@contextlib.contextmanager
def plain_server(file: Path | None = None) -> Iterator[PlainServer]:
    """A plain server for as long as it is needed, with a file to hand out if there is one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", PLAIN, str(port), str(file or "")]
    process = subprocess.Popen(command)
    try:
        _wait(port)
        yield PlainServer(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/plain/1").close()
        except urllib.error.URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


async def connection(target: AskedRoute, count: int, seconds: list[float]) -> int:
    """Make requests one after another; how many bytes of bodies came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port, limit=1 << 20)
    received = 0
    for _ in range(count):
        begin = time.perf_counter()
        writer.write(target.request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head[:200]
        (length,) = [line for line in head.split(b"\r\n") if line.startswith(b"content-length")]
        left = int(length.split(b":")[1])
        received += left
        while left:
            left -= len(await reader.read(min(left, 1 << 20)))
        seconds.append(time.perf_counter() - begin)
    writer.close()
    await writer.wait_closed()
    return received


@dataclass(frozen=True)
class RoundTimes:
    """Of one round.

    Attributes:
        seconds: of each request.
        wall: seconds of the whole round.
        received: bytes of bodies.
        cpu: seconds of the server's processor time per request.
    """

    seconds: list[float]
    wall: float
    received: int
    cpu: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.seconds) / self.wall

    @property
    def median(self) -> float:
        """Seconds of a request."""
        return statistics.median(self.seconds)

    @property
    def p99(self) -> float:
        """Seconds that one request in a hundred takes at least."""
        return statistics.quantiles(self.seconds, n=100)[98]


def measure(target: AskedRoute, requests: int, connections: int) -> RoundTimes:
    """Load a target with some connections at once."""
    seconds: list[float] = []

    async def run() -> int:
        each = requests // connections
        jobs = [connection(target, each, seconds) for _ in range(connections)]
        return sum(await asyncio.gather(*jobs))

    used, begin = target.cpu_seconds, time.perf_counter()
    received = asyncio.run(run())
    wall, used = time.perf_counter() - begin, target.cpu_seconds - used
    return RoundTimes(seconds, wall, received, used / len(seconds))


def beside(plain: PlainServer, targets: list[AskedRoute]) -> Pairs:
    """Each target with the plain route that answers as many bytes."""
    return [(plain.answering(measure(own, 10, 1).received // 10), own) for own in targets]


def compare(pairs: Pairs, chosen: argparse.Namespace, requests: int = 0) -> list[dict[str, object]]:
    """Alternate between each target and its base; medians of the ratios of neighbours."""
    count = requests or chosen.requests
    measured: dict[str, list[tuple[RoundTimes, RoundTimes]]] = {own.name: [] for _, own in pairs}
    for number in range(chosen.rounds + 1):
        for base, own in pairs:
            before = measure(base, count, chosen.connections)
            after = measure(own, count, chosen.connections)
            if number:  # the first is to warm up
                measured[own.name].append((before, after))
    return [_row(name, rounds) for name, rounds in measured.items()]


def _row(name: str, rounds: list[tuple[RoundTimes, RoundTimes]]) -> dict[str, object]:
    seconds = [second for _, own in rounds for second in own.seconds]
    received = sum(own.received for _, own in rounds)
    wall = sum(own.wall for _, own in rounds)
    return {
        "what": name,
        "n": len(seconds),
        "bytes": received // len(seconds),
        "median_ms": round(1e3 * statistics.median(seconds), 2),
        "p95_ms": round(1e3 * statistics.quantiles(seconds, n=20)[18], 2),
        "requests_per_second": round(len(seconds) / wall),
        "MB_per_second": round(received / wall / 1e6, 1),
        "rate_ratio": _spread(own.rate / base.rate for base, own in rounds),
        "rate_ratio_by_cpu_time": _spread(base.cpu / own.cpu for base, own in rounds),
        "median_time_ratio": _spread(own.median / base.median for base, own in rounds),
        "p99_ratio": _spread(own.p99 / base.p99 for base, own in rounds),
    }


def _spread(ratios: Iterator[float]) -> dict[str, float]:
    values = sorted(ratios)
    return {
        "median": round(statistics.median(values), 2),
        "lowest": round(values[0], 2),
        "highest": round(values[-1], 2),
    }


def fill(hub: RunningHub, folder: Path, tickets: int) -> str:
    """Push so many copies of a small bundle; the name of one."""
    bundle = Path(shutil.copytree(GOLDEN, folder / "bundle"))
    owner = HfApi(endpoint=hub.endpoint, token=hub.token).whoami()["name"]
    names = [f"{owner}/ticket-{number:03d}" for number in range(tickets)]
    for name in names:
        push_bundle(bundle, name, hub=hub.endpoint, token=hub.token)
    return names[0]


def choices(description: str | None, **defaults: int) -> argparse.ArgumentParser:
    """The options that all have: `rounds`, `requests` and `connections`, with other defaults."""
    parser = argparse.ArgumentParser(description=description)
    for name, default in {"rounds": 5, "requests": 1500, "connections": 8, **defaults}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument(
        "--no-cache", action="store_true", help="let the hub keep no answers (hub.py, databases.py)"
    )
    parser.add_argument(
        "--database", default="", help="such as postgresql://...; SQLite by default"
    )
    return parser


def report(
    run: Callable[[Path, argparse.Namespace], list[dict[str, object]]], chosen: argparse.Namespace
) -> None:
    """Measure in a folder that is then removed, and print the figures as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        rows = run(Path(folder), chosen)
    versions = {name: importlib.metadata.version(name) for name in SERVERS}
    print(json.dumps({**machine(), **versions, **vars(chosen), "results": rows}, indent=2))
