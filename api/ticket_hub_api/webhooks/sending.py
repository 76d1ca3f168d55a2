"""Sends what is on its way: signed, one try at a time, again after longer and longer pauses."""

from __future__ import annotations

import hashlib
import hmac
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticket_hub.errors import HubError
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import SECOND, now
from ticket_hub_api.store.webhook_tables import DeliveryState, Webhook, WebhookDelivery
from ticket_hub_api.webhooks.addresses import Target, resolve

__all__ = ["PAUSES", "deliver_due", "signature"]

SECONDS = 10.0
LEASE_SECONDS = 60
"""How long a try that was begun is nobody else's; more than a try takes."""
PAUSES = (10, 60, 300, 1800, 7200, 21600, 43200)
"""Seconds between the tries: the last is a day after the first."""
AT_ONCE = 4
MAX_DUE = 100
MAX_PROBLEM = 300


def signature(secret: str, moment: int, body: bytes) -> str:
    """What the header `Ticket-Hub-Signature` says: when it was signed, and the HMAC-SHA256.

    It is over the time, a dot and the body, so that an old delivery cannot be sent again as new.
    """
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={signed}"


@dataclass(frozen=True)
class _Try:
    """One try of a delivery."""

    id: str
    number: int
    event: str
    body: str
    url: str
    secret: str


def deliver_due(database: Database, settings: Settings) -> int:
    """Try what is due, several at once; returns how many were tried.

    Several processes may do so: each try is begun by one of them.
    """
    with database.read() as connection:
        waiting = WebhookDelivery.state == DeliveryState.WAITING
        statement = (
            select(WebhookDelivery.id)
            .where(waiting, WebhookDelivery.next_at <= now())
            .order_by(WebhookDelivery.next_at)
        )
        due = connection.scalars(statement.limit(MAX_DUE)).all()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return sum(threads.map(lambda each: _deliver(database, settings, each), due))


def _deliver(database: Database, settings: Settings, delivery_id: str) -> bool:
    begun = database.transact(lambda session: _begin(session, delivery_id))
    if begun is None:
        return False
    status, problem = 0, ""
    try:
        status = _send(resolve(settings, begun.url), begun)
    except (HubError, OSError, HTTPException, ValueError) as error:
        problem = (
            error.problem if isinstance(error, HubError) else f"{type(error).__name__}: {error}"
        )
    if status and not 200 <= status < 300:  # noqa: PLR2004 - a success
        problem = f"It answered with {status}."
    database.transact(lambda session: _finish(session, begun, status, problem[:MAX_PROBLEM]))
    return True


def _begin(session: Session, delivery_id: str) -> _Try | None:
    row = session.get(WebhookDelivery, delivery_id)
    if row is None or row.state != DeliveryState.WAITING or row.next_at > now():
        return None
    hook = session.get(Webhook, row.webhook_id)
    assert hook is not None, "a delivery goes with its webhook"
    row.tries += 1
    row.next_at = now() + LEASE_SECONDS * SECOND
    return _Try(row.id, row.tries, row.event, row.body, hook.url, hook.secret)


def _finish(session: Session, begun: _Try, status: int, problem: str) -> None:
    row = session.get(WebhookDelivery, begun.id)
    if row is None or row.tries != begun.number:  # removed, or its lease was over
        return
    row.status, row.problem = status, problem
    if not problem:
        row.state = DeliveryState.DELIVERED
    elif begun.number > len(PAUSES):
        row.state = DeliveryState.FAILED
    else:
        row.next_at = now() + PAUSES[begun.number - 1] * SECOND


def _send(target: Target, begun: _Try) -> int:
    """The status of the answer, whose body nobody reads; a redirect is an answer like others."""
    body, moment = begun.body.encode(), int(time.time())
    connection = _PinnedConnection(target)
    try:
        connection.request(
            "POST",
            target.path,
            body=body,
            headers={
                "Content-Type": "application/json",
                "User-Agent": "ticket-hub",
                "Ticket-Hub-Event": begun.event,
                "Ticket-Hub-Delivery": begun.id,
                "Ticket-Hub-Signature": signature(begun.secret, moment, body),
            },
        )
        return connection.getresponse().status
    finally:
        connection.close()


class _PinnedConnection(HTTPConnection):
    """A connection to the IP address that was looked at, whatever the name leads to by now."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.host, target.port, timeout=SECONDS)
        self._target = target

    def connect(self) -> None:
        """Connect; with https, to whoever has a certificate of the host's name."""
        self.sock = socket.create_connection((self._target.address, self._target.port), SECONDS)
        if self._target.is_tls:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self._target.host)
