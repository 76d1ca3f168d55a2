"""Forgets deliveries of webhooks that were long ago, so that their rows do not grow for ever."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import SECOND, now
from ticket_hub_api.store.webhook_tables import WebhookDelivery

__all__ = ["KEPT_SECONDS", "forget_deliveries"]

KEPT_SECONDS = 30 * 24 * 3600
"""How long one can see what became of an event; the last try is a day after the first."""
_BATCH = 500
"""Rows of one transaction, so that no push waits long for it."""


def forget_deliveries(database: Database) -> int:
    """Remove deliveries that nobody has tried for so long; returns how many.

    They were delivered or have failed; or this hub sends no webhooks any more, and they would wait
    for ever. Several processes may do so at once.

    Raises:
        HubUnavailableError: the database is busy; the rest is removed the next time.
    """
    cutoff = now() - KEPT_SECONDS * SECOND
    old = select(WebhookDelivery.id).where(WebhookDelivery.next_at < cutoff).limit(_BATCH)

    def forget(session: Session) -> int:
        """One batch, in the order of ids: so two processes never wait for each other."""
        ids = sorted(session.scalars(old))
        session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(ids)))
        return len(ids)

    removed = 0
    while batch := database.transact(forget):
        removed += batch
    return removed
