"""Who is asking: the account behind a token, as a value."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import aliased

from ticket_hub_api import errors
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import Account, Membership, Token, now

__all__ = ["authenticate", "principal_of", "principal_of_token"]


_ORGANIZATION = aliased(Account)
_ACCOUNT = (
    Account.id.label("account_id"),
    Account.name,
    Account.full_name,
    Account.email,
    Account.disabled,
    Membership.organization_id,
    Membership.role,
    _ORGANIZATION.name.label("organization"),
)
_TOKEN = (
    Token.id.label("token_id"),
    Token.secret_digest,
    Token.scope,
    Token.name.label("token_name"),
    Token.created_at,
    Token.expires_at,
    Token.revoked_at,
)


def authenticate(database: Database, secret: str) -> Principal:
    """The account whose token this is.

    Raises:
        ApiError: 401, when the token is unknown, expired, revoked, or its account is disabled.
    """
    digest = hashlib.sha256(secret.encode()).hexdigest()
    with database.read() as connection:
        rows = connection.execute(_with_token().where(Token.secret_digest == digest)).all()
    if not rows or not hmac.compare_digest(rows[0].secret_digest, digest):
        raise errors.unauthorized()
    return _principal(rows)


def principal_of_token(database: Database, token_id: str) -> Principal:
    """The account of a token that was shown before.

    Raises:
        ApiError: 401, when the token is gone, expired, revoked, or its account is disabled.
    """
    with database.read() as connection:
        rows = connection.execute(_with_token().where(Token.id == token_id)).all()
    if not rows:
        raise errors.unauthorized("This token was removed.")
    return _principal(rows)


def _with_token() -> Select[*tuple[Any, ...]]:
    """A token, its account and the account's roles, a row for each: one question."""
    return _joined(select(*_TOKEN, *_ACCOUNT).join(Account, Account.id == Token.account_id))


def _joined(statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return statement.outerjoin(Membership, Membership.user_id == Account.id).outerjoin(
        _ORGANIZATION, _ORGANIZATION.id == Membership.organization_id
    )


def _principal(rows: Sequence[Row[*tuple[Any, ...]]]) -> Principal:
    row = rows[0]
    if row.revoked_at is not None or row.disabled:
        raise errors.unauthorized("This token was revoked.")
    if row.expires_at is not None and row.expires_at <= now():
        raise errors.unauthorized("This token has expired.")
    return replace(
        _account(rows),
        scope=row.scope,
        token_id=row.token_id,
        token_name=row.token_name,
        token_created_at=row.created_at,
        expires_at=row.expires_at,
    )


def principal_of(connection: Connection, account_id: str) -> Principal:
    """An account with its roles, and no scope yet.

    Raises:
        ApiError: 401, when the account is disabled or gone.
    """
    statement = _joined(select(*_ACCOUNT).select_from(Account)).where(Account.id == account_id)
    rows = connection.execute(statement).all()
    if not rows or rows[0].disabled:
        raise errors.unauthorized("This account is locked out.")
    return _account(rows)


def _account(rows: Sequence[Row[*tuple[Any, ...]]]) -> Principal:
    row, members = rows[0], [each for each in rows if each.role is not None]
    return Principal(
        account_id=row.account_id,
        name=row.name,
        full_name=row.full_name,
        email=row.email,
        roles=((row.account_id, "admin"), *((m.organization_id, m.role) for m in members)),
        organizations=tuple((m.organization, m.role) for m in members),
    )
