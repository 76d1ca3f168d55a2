"""How fast the hub answers, against a plain Starlette route on the same machine.

    python benchmarks/hub.py [--rounds 5] [--requests 1500] [--connections 8]

Both servers run in processes of their own (uvicorn, one worker each, the same protocol code).
Rounds alternate between them, since the machine's speed drifts; what counts is the median of the
ratios. Reads of metadata are made with a token, on a repository of 40 files; the plain route
answers as many bytes from memory, and checks nothing. Pulls of a file are compared with
Starlette's own FileResponse: of a file that came whole, and of one that is stored as chunks.

On a machine that others use, rates say more about who gets the processor than about the server: the
ratio by processor time per request (needs /proc) is the one to look at there.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, constants

from ticket_hub_api.background import RunningHub, running_hub
from ticket_hub_api.settings import Settings

PLAIN = """
import sys
from starlette.applications import Starlette
from starlette.responses import FileResponse, Response
from starlette.routing import Route
bodies = {length: b"x" * length for length in range(20000)}
async def plain(request):
    return Response(bodies[int(request.path_params["length"])], media_type="application/json")
async def whole(request):
    return FileResponse(sys.argv[1])
import uvicorn
uvicorn.run(Starlette(routes=[Route("/plain/{length}", plain), Route("/file", whole)]),
            host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
"""


@dataclass
class Target:
    """A request, made again and again over connections that stay open."""

    name: str
    port: int
    path: str
    pid: int
    token: str = ""

    @property
    def cpu_seconds(self) -> float:
        """The processor time that the server has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

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
    """Of one round: requests and MB a second, the time and the length of an answer."""

    rate: float
    megabytes: float
    p99: float
    length: float
    cpu: float


def measure(target: Target, requests: int, connections: int) -> Result:
    """Load a target with some connections at once."""
    seconds: list[float] = []

    async def run() -> int:
        each = requests // connections
        jobs = [connection(target, each, seconds) for _ in range(connections)]
        return sum(await asyncio.gather(*jobs))

    used, begin = target.cpu_seconds, time.perf_counter()
    received = asyncio.run(run())
    wall, used = time.perf_counter() - begin, target.cpu_seconds - used
    p99 = statistics.quantiles(seconds, n=100)[98]
    count = len(seconds)
    return Result(count / wall, received / wall / 1e6, p99, received / count, used / count)


def compare(
    pairs_of_targets: list[tuple[Target, Target]], rounds: int, requests: int, connections: int
) -> list[dict[str, object]]:
    """Alternate between each target and its base; medians of the ratios of neighbours."""
    measured: dict[str, list[tuple[Result, Result]]] = {own.name: [] for _, own in pairs_of_targets}
    for _ in range(rounds):
        for base, own in pairs_of_targets:
            before = measure(base, requests, connections)
            measured[own.name].append((before, measure(own, requests, connections)))
    rows: list[dict[str, object]] = []
    for name, pairs in measured.items():
        rows.append(
            {
                "what": name,
                "requests_per_second": round(statistics.median(own.rate for _, own in pairs)),
                "MB_per_second": round(statistics.median(own.megabytes for _, own in pairs), 1),
                "rate_ratio": round(statistics.median(o.rate / b.rate for b, o in pairs), 2),
                "rate_ratio_by_cpu_time": round(
                    statistics.median(b.cpu / o.cpu for b, o in pairs), 2
                ),
                "p99_ratio": round(statistics.median(o.p99 / b.p99 for b, o in pairs), 2),
            }
        )
    return rows


def make_repository(api: HfApi, large: bytes) -> str:
    """A repository of forty files, two of them large: one sent whole, one as chunks."""
    name = api.create_repo("benchmark").repo_id
    operations = [CommitOperationAdd(f"f/{n:02d}.txt", f"{n}".encode()) for n in range(37)]
    operations.append(CommitOperationAdd("README.md", b"---\nlicense: mit\n---\n# A card\n"))
    operations.append(CommitOperationAdd("chunks.bin", large))
    api.create_commit(name, operations, commit_message="files")
    constants.HF_HUB_DISABLE_XET = True
    other = [CommitOperationAdd("whole.bin", large[::-1])]
    api.create_commit(name, other, commit_message="one more")
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
    with tempfile.TemporaryDirectory() as folder:
        rows = run(Path(folder), chosen)
    versions = f"{platform.machine()}, Python {platform.python_version()}"
    print(json.dumps({"machine": versions, "rounds": chosen.rounds, "results": rows}, indent=2))


def run(folder: Path, chosen: argparse.Namespace) -> list[dict[str, object]]:
    """Start both servers and compare them."""
    large = hashlib.shake_256(b"large").digest(20_000_000)
    (folder / "file").write_bytes(large)
    settings = Settings(requests_per_minute=0, folder=folder / "hub", database=chosen.database)
    with running_hub(settings) as hub, socket.socket() as probe:
        name = make_repository(HfApi(endpoint=hub.endpoint, token=hub.token), large)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        plain = subprocess.Popen([sys.executable, "-c", PLAIN, str(folder / "file"), str(port)])
        try:
            time.sleep(3)
            small, pulls = targets(hub, name, port, plain.pid)
            rows = compare(small, chosen.rounds, chosen.requests, chosen.connections)
            rows += compare(pulls, chosen.rounds, 4 * chosen.connections, chosen.connections)
        finally:
            plain.terminate()
            plain.wait()
    return rows


Pairs = list[tuple[Target, Target]]


def targets(hub: RunningHub, name: str, port: int, plain: int) -> tuple[Pairs, Pairs]:
    """Each request to the hub, beside the plain route that answers as many bytes."""
    paths = {
        "model info": f"/api/models/{name}",
        "refs": f"/api/models/{name}/refs",
        "tree of 40 files": f"/api/models/{name}/tree/main?recursive=true",
        "list of models": "/api/models?limit=20",
        "small file": f"/{name}/resolve/main/README.md",
    }
    small: Pairs = []
    for what, path in paths.items():
        own = Target(what, hub.port, path, hub.process.pid, hub.token)
        length = int(measure(own, 200, 1).length)
        small.append((Target("plain", port, f"/plain/{length}", plain), own))
    file = Target("file", port, "/file", plain)
    base = f"/{name}/resolve/main/"
    pulls = [
        (
            file,
            Target(f"pull of 20 MB, {what}", hub.port, base + path, hub.process.pid, hub.token),
        )
        for what, path in (("whole", "whole.bin"), ("in chunks", "chunks.bin"))
    ]
    return small, pulls


if __name__ == "__main__":
    main()
