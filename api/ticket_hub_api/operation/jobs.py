"""Shares of the workers' time, and who works."""

from __future__ import annotations

from typing import Any

from ticket_hub_api.jobs import overview, quotas
from ticket_hub_api.operation.opening import open_hub
from ticket_hub_api.settings import Settings

__all__ = [
    "list_quotas",
    "list_workers",
    "set_quota",
]


def set_quota(settings: Settings, account: str, seconds: int) -> None:
    """Say how many slot-seconds an account may use within 30 days; 0 is no limit.

    Raises:
        HubNotFoundError: no such account. HubError: less than nothing.
    """
    with open_hub(settings) as hub:
        quotas.set_quota(hub.database, account, seconds)


def list_quotas(settings: Settings) -> list[dict[str, object]]:
    """What accounts may use, and have used."""
    with open_hub(settings) as hub:
        return quotas.list_quotas(hub.database, settings.job_quota_seconds)


def list_workers(settings: Settings) -> list[dict[str, Any]]:
    """The slots that have shown themselves within a day."""
    with open_hub(settings) as hub:
        return overview.slots(hub.database)
