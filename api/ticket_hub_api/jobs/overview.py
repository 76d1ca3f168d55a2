"""The slots of all workers, as they show themselves."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ticket_hub_api.store.database import Database
from ticket_hub_api.store.job_tables import JobWorker
from ticket_hub_api.store.tables import SECOND, now

__all__ = ["slots"]

DAY = 86_400 * SECOND
SILENCE = 60 * SECOND
"""A slot that has shown nothing for a minute is taken for dead here."""


def slots(database: Database) -> list[dict[str, Any]]:
    """Every slot that has shown itself within a day."""
    moment = now()
    with database.read() as connection:
        rows = connection.execute(
            select(*JobWorker.__table__.columns)
            .where(JobWorker.seen_at > moment - DAY)
            .order_by(JobWorker.name, JobWorker.started_at)
        )
        return [
            {
                "id": row.id,
                "name": row.name,
                "device": row.device,
                "engine": row.engine,
                "job": row.job_id or None,
                "alive": row.stopped_at is None and row.seen_at > moment - SILENCE,
                "started_at": row.started_at,
                "seen_at": row.seen_at,
            }
            for row in rows
        ]
