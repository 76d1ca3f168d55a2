"""Adding, listing and removing webhooks, each by whoever administers the owner."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ticket_hub.errors import HubError, HubNotFoundError
from ticket_hub_api.accounts.accounts import find_account
from ticket_hub_api.accounts.principals import Principal, Scope
from ticket_hub_api.errors import forbidden
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.tables import Account
from ticket_hub_api.store.webhook_tables import Webhook, WebhookDelivery
from ticket_hub_api.webhooks.addresses import check_address

__all__ = [
    "Delivery", "EventName", "WebhookView", "add_webhook", "deliveries_of", "remove_webhook",
    "webhooks_of",
]  # fmt: skip

EventName: TypeAlias = Literal["push", "verdict"]
EVENTS: tuple[EventName, ...] = ("push", "verdict")
MAX_EACH = 20
MAX_SHOWN = 100
OPERATOR = Principal(scope=Scope.ADMIN)
"""Whoever works on the database itself."""


@dataclass(frozen=True, kw_only=True)
class WebhookView:
    """A webhook.

    Attributes:
        id: what to remove it by.
        owner: whose repositories it is told of; empty for all of the hub.
        url: the address. events: what it is told of.
        secret: what deliveries are signed with; shown once, when the webhook is made.
        created_at: microseconds since 1970.
    """

    id: str
    owner: str
    url: str
    events: tuple[str, ...]
    created_at: int
    secret: str = ""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What became of an event; as in `WebhookDelivery`."""

    id: str
    event: str
    state: str
    tries: int
    status: int
    problem: str
    created_at: int
    next_at: int


def add_webhook(
    session: Session,
    settings: Settings,
    caller: Principal,
    *,
    url: str,
    owner: str = "",
    events: Sequence[str] = EVENTS,
) -> WebhookView:
    """Add a webhook.

    Args:
        owner: whose repositories it is told of; empty for all of the hub, for administrators.

    Raises:
        HubNotFoundError: there is no such owner. ApiError: 403, the caller does not administer it.
        HubError: the address is not allowed here, an event is none, or there are many already.
    """
    account = find_account(session, owner) if owner else None
    if not _administers(caller, account):
        whose = "the hub" if account is None else account.name
        raise forbidden(f"Only who administers {whose} may have a webhook told of it.")
    check_address(settings, url)
    if not events or not set(events) <= set(EVENTS):
        raise HubError(f"{', '.join(events)!r} is no list of events.", f"Use {', '.join(EVENTS)}.")
    owner_id = None if account is None else account.id
    there = session.scalars(select(Webhook.id).where(Webhook.owner_id == owner_id)).all()
    if len(there) >= MAX_EACH:
        raise HubError(f"There are {MAX_EACH} webhooks already.", "Remove one that is not needed.")
    secret = secrets.token_hex(32)
    chosen = tuple(name for name in EVENTS if name in events)
    row = Webhook(owner_id=owner_id, url=url, secret=secret, events=",".join(chosen))
    session.add(row)
    session.flush()
    return _view(row, "" if account is None else account.name, secret)


def webhooks_of(session: Session, caller: Principal) -> list[WebhookView]:
    """The webhooks that the caller administers, without their secrets."""
    rows = session.execute(
        select(Webhook, Account)
        .outerjoin(Account, Account.id == Webhook.owner_id)
        .order_by(Webhook.created_at, Webhook.id)
    )
    return [
        _view(hook, "" if owner is None else owner.name)
        for hook, owner in rows
        if _administers(caller, owner)
    ]


def remove_webhook(session: Session, caller: Principal, webhook_id: str) -> None:
    """Remove a webhook with what is on its way to it.

    Raises:
        HubNotFoundError: there is none that the caller administers.
    """
    row = _one(session, caller, webhook_id)
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id == row.id))
    session.delete(row)


def deliveries_of(session: Session, caller: Principal, webhook_id: str) -> list[Delivery]:
    """The last deliveries of a webhook, the newest first.

    Raises:
        HubNotFoundError: there is no webhook that the caller administers.
    """
    row = _one(session, caller, webhook_id)
    statement = (
        select(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == row.id)
        .order_by(WebhookDelivery.created_at.desc(), WebhookDelivery.id)
        .limit(MAX_SHOWN)
    )
    return [
        Delivery(**{name: getattr(each, name) for name in Delivery.__dataclass_fields__})
        for each in session.scalars(statement)
    ]


def _one(session: Session, caller: Principal, webhook_id: str) -> Webhook:
    row = session.get(Webhook, webhook_id)
    owner = session.get(Account, row.owner_id) if row is not None and row.owner_id else None
    if row is None or not _administers(caller, owner):
        raise HubNotFoundError(
            f"There is no webhook {webhook_id!r}.", "List them with `ticket hub webhook list`."
        )
    return row


def _administers(caller: Principal, owner: Account | None) -> bool:
    if caller.scope == Scope.ADMIN:
        return True
    return owner is not None and caller.may_administer(owner.id)


def _view(row: Webhook, owner: str, secret: str = "") -> WebhookView:
    return WebhookView(
        id=row.id,
        owner=owner,
        url=row.url,
        events=tuple(row.events.split(",")),
        created_at=row.created_at,
        secret=secret,
    )
