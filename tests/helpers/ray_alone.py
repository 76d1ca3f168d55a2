"""Works on a Ray of this machine; a program, since Ray belongs to a whole process.

`python -m tests.helpers.ray_alone FOLDER FIND ENDLESS PROCESSES` does the work in the JSON file
FIND, cancels the one in ENDLESS once it trains, and prints one JSON object: how both ended. So
many processes do each of them.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from tests.helpers.engine_waiting import events, until, until_over
from ticket_hub.engines.base import Work
from ticket_hub.engines.choice import make_engine


def main(folder: Path, *works: Path, processes: str) -> None:
    """Do both, and tell."""
    short, endless = (Work.from_table(json.loads(work.read_bytes())) for work in works)
    with contextlib.redirect_stdout(sys.stderr):
        told = _do(folder, short, endless, processes)
    sys.stdout.write(json.dumps(told) + "\n")


def _do(folder: Path, short: Work, endless: Work, processes: str) -> dict[str, Any]:
    with contextlib.closing(make_engine("ray", {"processes": processes})) as engine:
        first, second = folder / "work-1", folder / "work-2"
        engine.submit(first, short)
        engine.submit(second, endless)
        until(lambda: engine.poll(second).state == "running" and bool(events(second, "progress")))
        engine.cancel(second)
        return {
            "states": [*until_over(engine, first), engine.poll(second).state],
            "codes": [event["exit_code"] for event in events(second, "ended")],
            "bundle": engine.result(first)["bundle"],
        }


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), processes=sys.argv[4])
