"""Following a job: what happened, how far it is, and its end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from ticket_hub_api.store.job_tables import EventKind, Job, JobEvent, State
from ticket_hub_api.torch_process import OpenHub

__all__ = ["Event", "follow", "news", "server_sent"]

POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
BATCH = 200
PROGRESS: Final = "progress"
HEARTBEAT: Final = "heartbeat"
StreamKind: TypeAlias = EventKind | Literal["progress", "heartbeat"]
"""What followers are told: the events of a job, its newest reading, and that nothing is new."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that followers are told.

    Attributes:
        number: what to resume behind; readings of progress have that of the event before.
        kind: `queued`, `running`, `level`, `result`, `notice`, `attempt-failed`, `worker-lost`,
            `stopping`, `finished`, `failed`, `cancelled`; `progress` for the newest reading, and
            `heartbeat` when nothing has happened for a while.
        data: plain values.
        created_at: microseconds since 1970; 0 for readings and heartbeats.
    """

    number: int
    kind: StreamKind
    data: dict[str, Any]
    created_at: int = 0


async def follow(hub: OpenHub, job_id: str, after: int = 0) -> AsyncIterator[Event]:
    """Every event behind a number, and readings of progress, until the job has ended.

    Whoever calls this has asked before whether the viewer may see the job.
    """
    last, reading, told = after, "", time.monotonic()
    while True:
        found, progress, ended = await run_in_threadpool(news, hub, job_id, last)
        for event in found:
            last, told = event.number, time.monotonic()
            yield event
        # Readings are no events: a job overwrites its newest one, so that a long job is not a long
        # table.
        if progress not in {reading, "{}"} and not ended:
            reading, told = progress, time.monotonic()
            yield Event(number=last, kind=PROGRESS, data=json.loads(progress))
        if ended and len(found) < BATCH:
            return
        if time.monotonic() - told > HEARTBEAT_SECONDS:
            told = time.monotonic()
            yield Event(number=last, kind=HEARTBEAT, data={})
        if len(found) < BATCH:
            await asyncio.sleep(POLL_SECONDS)


def server_sent(event: Event) -> bytes:
    """An event as `text/event-stream` has it; a heartbeat is a comment."""
    if event.kind == HEARTBEAT:
        return b": heartbeat\n\n"
    data = json.dumps(event.data, separators=(",", ":"), ensure_ascii=False)
    return f"id: {event.number}\nevent: {event.kind}\ndata: {data}\n\n".encode()


def news(hub: OpenHub, job_id: str, after: int = 0) -> tuple[list[Event], str, bool]:
    """At most 200 events behind a number, the newest reading as JSON, and whether it has ended."""
    with hub.database.read() as connection:
        job = connection.execute(select(Job.state, Job.progress).where(Job.id == job_id)).first()
        rows = connection.execute(
            select(JobEvent.number, JobEvent.kind, JobEvent.data, JobEvent.created_at)
            .where(JobEvent.job_id == job_id, JobEvent.number > after)
            .order_by(JobEvent.number)
            .limit(BATCH)
        ).all()
    events = [
        Event(
            number=row.number,
            kind=row.kind,
            data=json.loads(row.data),
            created_at=row.created_at,
        )
        for row in rows
    ]
    if job is None:  # deleted while it was followed
        return events, "{}", True
    return events, job.progress, job.state in State.ENDED
