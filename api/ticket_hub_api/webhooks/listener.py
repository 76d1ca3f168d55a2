"""Puts events on their way, in the transaction in which they happen: none is lost or untrue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub_api.store.tables import Commit, Repository
from ticket_hub_api.store.trees import Files
from ticket_hub_api.store.webhook_tables import Webhook, WebhookDelivery
from ticket_hub_api.webhooks.hooks import EventName

__all__ = ["WebhookListener"]


class WebhookListener:
    """Queues a delivery for every webhook that asked for an event."""

    def committed(
        self, session: Session, repository: Repository, commit: Commit, files: Files
    ) -> None:
        """A push."""
        del files
        facts = {
            "commit": commit.oid,
            "title": commit.title,
            "author": commit.author,
            "created_at": commit.created_at,
        }
        _queue(session, "push", repository, facts)

    def judged(self, session: Session, repository: Repository, facts: Mapping[str, Any]) -> None:
        """An experiment with its verdicts."""
        _queue(session, "verdict", repository, facts)

    def changed(self, session: Session, repository: Repository) -> None:
        """Nobody is told of it."""

    def deleted(self, session: Session, repository_id: str) -> None:
        """Nobody is told of it."""


def _queue(
    session: Session, event: EventName, repository: Repository, facts: Mapping[str, Any]
) -> None:
    owner = or_(Webhook.owner_id == repository.owner_id, Webhook.owner_id.is_(None))
    hooks = session.execute(select(Webhook.id, Webhook.events).where(owner)).all()
    body = {
        "event": event,
        "repository": f"{repository.namespace}/{repository.name}",
        "kind": repository.kind,
        "visibility": repository.visibility,
        **facts,
    }
    text = canonical_json(body).decode()
    session.add_all(
        WebhookDelivery(webhook_id=hook.id, event=event, body=text)
        for hook in hooks
        if event in hook.events.split(",")
    )
