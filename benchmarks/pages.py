"""How fast the hub renders its pages, against a plain Starlette route on the same machine.

    python benchmarks/pages.py [--rounds 10] [--requests 20] [--tickets 60]

Both servers run in processes of their own (uvicorn, one worker each). Pages are asked for with a
token, one request at a time, and rounds alternate with a plain route that answers as many bytes
from memory. Times are from the request to the last byte, over a connection that stays open.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hub import Target, connection
from huggingface_hub import HfApi

from ticket_hub.hub.front import push_bundle
from ticket_hub_api.background import RunningHub, running_hub
from ticket_hub_api.settings import Settings

GOLDEN = Path(__file__).resolve().parents[1] / "tests/golden/format-1"
PLAIN = """
import sys
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
import uvicorn
bodies = {}
async def plain(request):
    length = int(request.path_params["length"])
    return Response(bodies.setdefault(length, b"x" * length), media_type="text/html")
uvicorn.run(Starlette(routes=[Route("/plain/{length}", plain)]), host="127.0.0.1",
            port=int(sys.argv[1]), log_level="warning", access_log=False)
"""


def timed(target: Target, requests: int) -> tuple[list[float], int]:
    """Seconds of each request, one after another, and the length of an answer."""
    seconds: list[float] = []
    received = asyncio.run(connection(target, requests, seconds))
    return seconds, received // requests


def fill(hub: RunningHub, folder: Path, tickets: int) -> str:
    """Push so many copies of a small bundle; the name of one."""
    bundle = Path(shutil.copytree(GOLDEN, folder / "bundle"))
    owner = HfApi(endpoint=hub.endpoint, token=hub.token).whoami()["name"]
    names = [f"{owner}/ticket-{number:03d}" for number in range(tickets)]
    for name in names:
        push_bundle(bundle, name, hub=hub.endpoint, token=hub.token)
    return names[0]


def compare(own: Target, port: int, plain: int, rounds: int, requests: int) -> dict[str, object]:
    """A page beside the plain route, in turns."""
    _, length = timed(own, 3)
    base = Target("plain", port, f"/plain/{length}", plain)
    timed(base, 3)
    pairs = [(timed(base, requests)[0], timed(own, requests)[0]) for _ in range(rounds)]
    everything = [second for _, page in pairs for second in page]
    ratios = [statistics.median(page) / statistics.median(base) for base, page in pairs]
    return {
        "what": own.name,
        "bytes": length,
        "n": len(everything),
        "median_ms": round(1e3 * statistics.median(everything), 2),
        "p95_ms": round(1e3 * statistics.quantiles(everything, n=20)[18], 2),
        "ratio_to_plain_route": round(statistics.median(ratios), 1),
        "lowest_and_highest_ratio": [round(min(ratios), 1), round(max(ratios), 1)],
    }


def run(folder: Path, chosen: argparse.Namespace) -> list[dict[str, object]]:
    """Start both servers and compare them."""
    settings = Settings(requests_per_minute=0, folder=folder / "hub", log_level="warning")
    with running_hub(settings) as hub, socket.socket() as probe:
        ticket = fill(hub, folder, chosen.tickets)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        plain = subprocess.Popen([sys.executable, "-c", PLAIN, str(port)])
        try:
            time.sleep(3)
            paths = {
                "a page of 50 tickets": "/",
                "a search": "/?text=ticket&weights_max=60&order=accuracy",
                "one ticket": f"/tickets/{ticket}",
            }
            targets = [Target(what, hub.port, path, hub.process.pid, hub.token)
                       for what, path in paths.items()]  # fmt: skip
            return [
                compare(own, port, plain.pid, chosen.rounds, chosen.requests) for own in targets
            ]
        finally:
            plain.terminate()
            plain.wait()


def main() -> None:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--tickets", type=int, default=60)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(Path(folder), parser.parse_args()), indent=2))


if __name__ == "__main__":
    main()
