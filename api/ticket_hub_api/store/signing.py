"""Addresses and tokens that carry their own permission: signed, limited in time and in purpose."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub_api.errors import ApiError
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import Secret

__all__ = ["GENERATION", "SECRETS", "Signer", "load_signer", "renew_generation"]

GENERATION, SIGNING = "xet generation", "signing"
SECRETS = frozenset({GENERATION, SIGNING})
"""What `load_signer` makes when a service starts for the first time."""


class Signer:
    """Signs claims with a key that all processes of one service share."""

    def __init__(self, key: bytes) -> None:
        """Keep the key."""
        self._key = key

    def sign(self, purpose: str, seconds: int, **claims: object) -> str:
        """Claims as URL-safe text, valid for so many seconds and for one purpose."""
        payload = {**claims, "for": purpose, "exp": int(time.time()) + seconds}
        body = base64.urlsafe_b64encode(canonical_json(payload)).rstrip(b"=")
        return f"{body.decode()}.{self._seal(body)}"

    def read(self, purpose: str, text: str) -> dict[str, Any]:
        """The claims of a text that this service signed for this purpose.

        Raises:
            ApiError: 403, when the text is not genuine, not for this purpose, or too old.
        """
        body, _, seal = text.partition(".")
        if not hmac.compare_digest(self._seal(body.encode()).encode(), seal.encode()):
            raise ApiError(403, "The signature of this address is not valid.")
        try:
            padded = body + "=" * (-len(body) % 4)
            claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
        except (binascii.Error, ValueError) as error:
            raise ApiError(403, "The signature of this address is not valid.") from error
        if claims.get("for") != purpose:
            raise ApiError(403, "This address was signed for another purpose.")
        if claims.get("exp", 0) < time.time():
            raise ApiError(403, "This address has expired. Ask for a new one.")
        return claims

    def _seal(self, body: bytes) -> str:
        return hmac.new(self._key, body, hashlib.sha256).hexdigest()


def load_signer(database: Database) -> Signer:
    """The service's signer; its key, and the chunk store's generation, are made when missing."""
    _load(database, GENERATION, 8)
    return Signer(bytes.fromhex(_load(database, SIGNING, 32)))


def _load(database: Database, name: str, length: int) -> str:
    statement = select(Secret.value).where(Secret.name == name)
    with database.read() as connection:
        value = connection.scalar(statement)

    def make(session: Session) -> str:
        """The secret that another process has made meanwhile, or a new one."""
        found = session.scalar(statement)
        if found is None:
            found = secrets.token_hex(length)
            session.add(Secret(name=name, value=found))
        return found

    return value or database.transact(make)


def renew_generation(session: Session) -> None:
    """Let clients forget which chunks they have sent, since some of them are gone."""
    row = session.get(Secret, GENERATION)
    if row is not None:
        row.value = secrets.token_hex(8)
