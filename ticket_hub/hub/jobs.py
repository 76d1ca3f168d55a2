"""Jobs of a team's hub, followed from here."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ticket_hub.errors import HubError, HubUnavailableError
from ticket_hub.hub.connect import connect
from ticket_hub.hub.faults import translated
from ticket_hub.hub.huggingface import HuggingFaceHub

__all__ = ["follow_job", "is_job"]

PAUSE_SECONDS = 1.0
PATIENCE = 60  # questions without an answer, one after the other
ENDED = {"finished", "failed", "cancelled"}
_JOB = re.compile(r"[0-9a-f]{24}")


def is_job(name: object) -> bool:
    """Whether a name can be the id of a job: 24 hexadecimal digits, and no folder here."""
    return isinstance(name, str) and bool(_JOB.fullmatch(name)) and not Path(name).exists()


def follow_job(
    job: str, *, hub: str | Path | None = None, token: str | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the events of a job until it has ended; the last is `ended`, with its `state`.

    The events are those that the hub's page of the job shows, see docs/jobs.md, the first of them
    `run`: the job as it is. A connection that breaks is made again, and goes on behind what came.

    Args:
        job: its id.
        hub, token: as in `ticket_hub.hub.connect.connect`.

    Raises:
        HubError: the hub is a folder, has no such job, refuses or cannot be reached.
    """
    there = connect(hub, token=token)
    if not isinstance(there, HuggingFaceHub):
        raise HubError(
            f"{there.location} is a folder, which has no jobs.",
            "Name the hub's address: --hub https://...",
        )
    requests, address = there.requests(), f"/api/v1/jobs/{job}"
    with translated(there.location, f"job {job}"):
        yield {"event": "run", **requests.json(address)}
    last = gone = 0
    while True:
        try:
            with translated(there.location, f"job {job}"):
                behind = {"Last-Event-ID": str(last)}
                for number, event in _events(requests.lines(f"{address}/events", behind)):
                    last = number
                    yield event
                state = requests.json(address)
        except HubUnavailableError:  # a hub is started anew now and then, and jobs last for hours
            gone += 1
            if gone > PATIENCE:
                raise
            time.sleep(PAUSE_SECONDS)
            continue
        gone = 0
        if state["state"] in ENDED:
            ending = " ".join(filter(None, (state["problem"], state["remedy"])))
            yield {"event": "ended", "state": state["state"], "ending": ending}
            return
        # A job may wait for hours for a worker; that the hub is there, the question for it tells.
        time.sleep(PAUSE_SECONDS)


def _events(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The events of a stream of `text/event-stream`, each with the number to go on behind."""
    number, kind = 0, ""
    for line in lines:
        field, _, value = line.partition(":")
        if field == "id":
            number = int(value)
        elif field == "event":
            kind = value.strip()
        elif field == "data":
            yield number, {"event": kind, **json.loads(value)}
