"""How fast the hub answers, against a plain Starlette route on the same machine.

    python benchmarks/hub.py [--rounds 5] [--requests 1500] [--connections 8]

Both servers run in processes of their own (uvicorn, one worker each, the same protocol code). Rounds
alternate between them, since the machine's speed drifts; what counts is the median of the ratios.
Reads of metadata are measured with a token, on a repository of 40 files; `plain` answers the same
bytes from memory, and checks nothing. Pulls of a file are compared with a file that Starlette's own
FileResponse hands out.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi

from ticket_hub_api.background import running_hub
from ticket_hub_api.settings import Settings

PLAIN = """
import sys
from starlette.applications import Starlette
from starlette.responses import FileResponse, Response
from starlette.routing import Route
body, large = open(sys.argv[1], "rb").read(), sys.argv[2]
async def plain(request):
    return Response(body, media_type="application/json")
async def whole(request):
    return FileResponse(large)
import uvicorn
uvicorn.run(Starlette(routes=[Route("/plain/{a}/{b}", plain), Route("/file", whole)]),
            host="127.0.0.1", port=int(sys.argv[3]), log_level="warning", access_log=False)
"""


@dataclass
class Target:
    """A request, made again and again over connections that stay open."""

    name: str
    port: int
    path: str
    token: str = ""

    @property
    def request(self) -> bytes:
        """The bytes of one request."""
        head = f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
        if self.token:
            head += f"Authorization: Bearer {self.token}\r\n"
        return f"{head}\r\n".encode()


async def connection(target: Target, count: int, seconds: list[float]) -> int:
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


@dataclass
class Result:
    """Of one round: requests and MB a second, and the 99th percentile of an answer's time."""

    rate: float
    megabytes: float
    p99: float


def measure(target: Target, requests: int, connections: int) -> Result:
    """Load a target with some connections at once."""
    seconds: list[float] = []

    async def run() -> int:
        each = requests // connections
        jobs = [connection(target, each, seconds) for _ in range(connections)]
        return sum(await asyncio.gather(*jobs))

    begin = time.perf_counter()
    received = asyncio.run(run())
    wall = time.perf_counter() - begin
    p99 = statistics.quantiles(seconds, n=100)[98]
    return Result(len(seconds) / wall, received / wall / 1e6, p99)


def compare(
    base: Target, others: list[Target], rounds: int, requests: int, connections: int
) -> list[dict[str, object]]:
    """Alternate between a base and the others; medians of the ratios to the base next to it."""
    measured: dict[str, list[tuple[Result, Result]]] = {other.name: [] for other in others}
    for _ in range(rounds):
        for other in others:
            before = measure(base, requests, connections)
            measured[other.name].append((before, measure(other, requests, connections)))
    rows: list[dict[str, object]] = []
    for name, pairs in measured.items():
        rows.append(
            {
                "what": name,
                "requests_per_second": round(statistics.median(own.rate for _, own in pairs)),
                "MB_per_second": round(statistics.median(own.megabytes for _, own in pairs), 1),
                "rate_ratio": round(statistics.median(o.rate / b.rate for b, o in pairs), 2),
                "p99_ratio": round(statistics.median(o.p99 / b.p99 for b, o in pairs), 2),
            }
        )
    return rows


def make_repository(api: HfApi, large: bytes) -> str:
    """A repository of forty files, one of them large."""
    name = api.create_repo("benchmark").repo_id
    operations = [CommitOperationAdd(f"f/{n:02d}.txt", f"{n}".encode()) for n in range(38)]
    operations.append(CommitOperationAdd("README.md", b"---\nlicense: mit\n---\n# A card\n"))
    operations.append(CommitOperationAdd("large.bin", large))
    api.create_commit(name, operations, commit_message="files")
    return name


def main() -> None:
    """Measure, and print the ratios as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument(
        "--database", default="", help="such as postgresql://...; SQLite by default"
    )
    chosen = parser.parse_args()
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        rows = run(Path(folder), chosen)
    versions = f"{platform.machine()}, Python {platform.python_version()}"
    print(json.dumps({"machine": versions, "rounds": chosen.rounds, "results": rows}, indent=2))


def run(folder: Path, chosen: argparse.Namespace) -> list[dict[str, object]]:
    """Start both servers and compare them."""
    large = hashlib.shake_256(b"large").digest(20_000_000)
    (folder / "large.bin").write_bytes(large)
    settings = Settings(folder=folder / "hub", database=chosen.database)
    with running_hub(settings) as hub:
        name = make_repository(HfApi(endpoint=hub.endpoint, token=hub.token), large)
        paths = {
            "model info": f"/api/models/{name}",
            "refs": f"/api/models/{name}/refs",
            "tree": f"/api/models/{name}/tree/main?recursive=true",
            "list of models": "/api/models?limit=20",
        }
        targets = [Target(what, hub.port, path, hub.token) for what, path in paths.items()]
        body = folder / "body.json"
        body.write_bytes(
            HfApi(endpoint=hub.endpoint, token=hub.token)
            .model_info(name)
            .__repr__()
            .encode()[:1500]
        )
        port = hub.port + 1
        plain = subprocess.Popen(
            [sys.executable, "-c", PLAIN, str(body), str(folder / "large.bin"), str(port)]
        )
        try:
            time.sleep(2)
            base = Target("plain", port, "/plain/a/b")
            rows = compare(base, targets, chosen.rounds, chosen.requests, chosen.connections)
            pull = Target("pull of 20 MB", hub.port, f"/{name}/resolve/main/large.bin", hub.token)
            file = Target("file", port, "/file")
            rows += compare(file, [pull], chosen.rounds, 4 * chosen.connections, chosen.connections)
        finally:
            plain.terminate()
            plain.wait()
    return rows


if __name__ == "__main__":
    main()
