"""Webhooks, as an operator sees them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from ticket_hub_api.operation.opening import open_hub
from ticket_hub_api.settings import Settings
from ticket_hub_api.webhooks import hooks

__all__ = ["add_webhook", "list_deliveries", "list_webhooks", "remove_webhook"]


def add_webhook(
    settings: Settings, url: str, *, owner: str = "", events: Sequence[str] = hooks.EVENTS
) -> dict[str, Any]:
    """Add a webhook; its secret is in the answer.

    Raises:
        HubError: the address is not allowed, or an event is none. HubNotFoundError: no such owner.
    """
    with open_hub(settings) as hub:
        made = hub.database.transact(
            lambda session: hooks.add_webhook(
                session, settings, hooks.OPERATOR, url=url, owner=owner, events=events
            )
        )
    return dataclasses.asdict(made)


def list_webhooks(settings: Settings) -> list[dict[str, Any]]:
    """All webhooks, without their secrets."""
    with open_hub(settings) as hub:
        found = hub.database.transact(lambda session: hooks.webhooks_of(session, hooks.OPERATOR))
    return [dataclasses.asdict(each) for each in found]


def list_deliveries(settings: Settings, webhook_id: str) -> list[dict[str, Any]]:
    """The last deliveries of a webhook.

    Raises:
        HubNotFoundError: there is no such webhook.
    """
    with open_hub(settings) as hub:
        found = hub.database.transact(
            lambda session: hooks.deliveries_of(session, hooks.OPERATOR, webhook_id)
        )
    return [dataclasses.asdict(each) for each in found]


def remove_webhook(settings: Settings, webhook_id: str) -> None:
    """Remove a webhook.

    Raises:
        HubNotFoundError: there is no such webhook.
    """
    with open_hub(settings) as hub:
        hub.database.transact(
            lambda session: hooks.remove_webhook(session, hooks.OPERATOR, webhook_id)
        )
