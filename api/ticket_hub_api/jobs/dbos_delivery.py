"""The delivery of jobs by DBOS, on PostgreSQL or SQLite.

DBOS hands each of its workflows to one process and keeps the order of priorities, but does not
notice when that process dies, and has one number of slots for all workers. So every slot is a
process of its own here, a workflow delivers a single attempt, and leases are kept beside it (see
`queue`). On SQLite the queue lies in a file of its own beside the hub's, which needs no backup.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
from sqlalchemy import make_url

from ticket_hub_api.jobs.delivery import Delivered

__all__ = ["DbosDelivery", "Receiver", "queue_url"]

APPLICATION = "ticket-hub"
QUEUE = "jobs"
WORKFLOW = "job"
VERSION = "1"
POLL_SECONDS = 0.5
LOWEST = 10
BATCH = 100


def queue_url(database_url: str) -> str:
    """Where the queue of a hub's database is; on SQLite a file beside it."""
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite":
        return database_url.replace("postgresql+psycopg://", "postgresql://", 1)
    path = Path(url.database or "")
    return f"sqlite:///{path.with_name(path.stem + '-jobs.sqlite')}"


def _prepare(url: str) -> None:
    """Readers shall not wait for the writer."""
    found = make_url(url)
    if found.get_backend_name() == "sqlite":
        connection = sqlite3.connect(found.database or "", timeout=30)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()


class DbosDelivery:
    """A DBOS queue, seen from those who offer work."""

    def __init__(self, database_url: str) -> None:
        """Open the queue of a hub; its tables are made where they are missing."""
        url = queue_url(database_url)
        _prepare(url)
        DBOS.migrate(url)
        self._client = DBOSClient(
            system_database_url=url,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            retry_connection_errors=False,
        )

    def enqueue(self, job_id: str, attempt: int, priority: int) -> None:
        """As `Delivery` says."""
        self._client.enqueue(
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUE,
                "workflow_id": _name(job_id, attempt),
                "app_version": VERSION,
                "priority": LOWEST - priority,
            },
            job_id,
            attempt,
        )

    def withdraw(self, job_id: str, attempt: int) -> None:
        """As `Delivery` says."""
        self._client.cancel_workflows([_name(job_id, attempt)])

    def holders(self, attempts: Iterable[Delivered]) -> dict[Delivered, str | None]:
        """As `Delivery` says."""
        names = {_name(*each): each for each in attempts}
        if not names:
            return {}
        found = self._client.list_workflows(
            workflow_ids=list(names),
            status=["ENQUEUED", "PENDING"],
            load_input=False,
            load_output=False,
        )
        return {
            names[each.workflow_id]: each.executor_id if each.status == "PENDING" else None
            for each in found
        }

    def offered_before(self, seconds: float) -> list[Delivered]:
        """As `Delivery` says."""
        moment = datetime.now(UTC) - timedelta(seconds=seconds)
        found = self._client.list_workflows(
            end_time=moment.isoformat(), name=WORKFLOW, load_input=False, load_output=False
        )
        return [_attempt(each.workflow_id) for each in found]

    def forget(self, attempts: Iterable[Delivered]) -> None:
        """As `Delivery` says."""
        names = [_name(*each) for each in attempts]
        for first in range(0, len(names), BATCH):
            self._client.delete_workflows(names[first : first + BATCH])

    def close(self) -> None:
        """As `Delivery` says."""
        self._client.destroy()


class Receiver:
    """The same queue in a worker's process: calls `handle` with one attempt after the other.

    One process has one receiver, and `handle` runs in a thread of its own.
    """

    def __init__(
        self, database_url: str, worker_id: str, handle: Callable[[str, int], None]
    ) -> None:
        """Begin to receive.

        Args:
            worker_id: unique to this process, so that nobody takes its work for another's.
        """
        url = queue_url(database_url)
        _prepare(url)
        DBOS(config=_config(url, worker_id))

        def carry_out(job_id: str, attempt: int) -> str:
            handle(job_id, attempt)
            return "done"

        DBOS.workflow(name=WORKFLOW)(carry_out)
        DBOS.listen_queues([QUEUE])
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            worker_concurrency=1,
            polling_interval_sec=POLL_SECONDS,
            on_conflict="always_update",
        )

    def close(self) -> None:
        """Receive no more; what is in hand goes on until `handle` returns."""
        DBOS.destroy(workflow_completion_timeout_sec=10)


def _config(url: str, worker_id: str) -> Any:  # noqa: ANN401 - DBOS's own typed dictionary
    return {
        "name": APPLICATION,
        "system_database_url": url,
        "application_version": VERSION,
        "executor_id": worker_id,
        "log_level": "ERROR",
        "serializer": DBOSPortableJSONSerializer(),
        "use_listen_notify": False,
        "enable_otlp": False,
    }


def _name(job_id: str, attempt: int) -> str:
    return f"{job_id}.{attempt}"


def _attempt(name: str) -> Delivered:
    job_id, _, attempt = name.rpartition(".")
    return job_id, int(attempt)
