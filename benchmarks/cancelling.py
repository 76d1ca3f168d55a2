"""How long a running job takes to end after it was cancelled, with its whole process group.

    python benchmarks/cancelling.py [--cancels 10]

Starts a hub and a worker with one slot. Each round submits a find that would train for hours,
waits until it trains, cancels it through the REST API, and takes the time until the job is
cancelled and its process group gone. Prints the median and the longest.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ticket_hub_api.background import RunningHub, running_hub
from ticket_hub_api.settings import Settings

ENDLESS = {"iterations": 1_000_000, "evaluate_every": 1000, "trials": 1, "levels": 1}
LOOK_SECONDS = 0.02


def ask(hub: RunningHub, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """The hub's answer."""
    request = urllib.request.Request(
        hub.endpoint + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {hub.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def wait(condition: Callable[[], object]) -> None:
    """Until it holds."""
    deadline = time.monotonic() + 300
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("A job did not get on within five minutes.")
        time.sleep(LOOK_SECONDS)


def is_gone(group: int) -> bool:
    """Whether no process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def cancel_one(hub: RunningHub, jobs: Path, number: int) -> float:
    """Seconds from the cancel of a job that trains to its end."""
    owner = ask(hub, "GET", "/api/whoami-v2")["name"]
    find = {"kind": "find", "recipe": "digits-quick", "repository": f"{owner}/c{number}"}
    job = ask(hub, "POST", "/api/v1/jobs", find | ENDLESS)["id"]
    path = f"/api/v1/jobs/{job}"
    wait(lambda: ask(hub, "GET", path)["progress"].get("latest", {}).get("iteration"))
    group = json.loads((jobs / job / "work/process.json").read_bytes())["process"]
    begin = time.perf_counter()
    ask(hub, "POST", f"{path}/cancel")
    wait(lambda: is_gone(group) and ask(hub, "GET", path)["state"] == "cancelled")
    return time.perf_counter() - begin


def main() -> None:
    """Cancel so many jobs, and print how long that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cancels", type=int, default=10)
    cancels = parser.parse_args().cancels
    with tempfile.TemporaryDirectory() as name:
        jobs = Path(name) / "jobs"
        with running_hub(Settings(folder=Path(name) / "hub", requests_per_minute=0)) as hub:
            command = [
                sys.executable, "-m", "ticket_hub_cli", "worker", "--hub", hub.endpoint,
                "--slots", "1", "--device", "cpu", "--jobs-folder", str(jobs),
            ]  # fmt: skip
            environment = {**os.environ, **hub.settings.to_environment()}
            worker = subprocess.Popen(command, env=environment)
            try:
                taken = [cancel_one(hub, jobs, number) for number in range(cancels)]
            finally:
                worker.terminate()
                worker.wait()
    print(f"{len(taken)} cancels: median {statistics.median(taken):.2f} s, max {max(taken):.2f} s")


if __name__ == "__main__":
    main()
