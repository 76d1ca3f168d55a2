"""Tokens of accounts: what an operator does with `ticket hub token`, and a user on a page."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ticket_hub.errors import HubError, HubNotFoundError
from ticket_hub_api.accounts.accounts import USER, find_account
from ticket_hub_api.accounts.principals import Scope
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import SECOND, Account, Token, now

__all__ = ["IssuedToken", "create_token", "list_tokens", "revoke_token", "tokens_of"]

PREFIX = "hf_"  # the public Hub's own: huggingface.js takes no others
_TOKENS = (
    select(
        Token.id, Account.name.label("account"), Token.name, Token.scope,
        Token.created_at, Token.expires_at, Token.revoked_at,
    )
    .join(Account, Account.id == Token.account_id)
    .order_by(Token.created_at)
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class IssuedToken:
    """A new token. The secret is shown once and kept nowhere.

    Attributes:
        id: what to revoke it by.
        secret: what a client sends.
        account, name, scope: whose it is, what it is called, what it may do.
        expires_at: microseconds since 1970, or None.
    """

    id: str
    secret: str
    account: str
    name: str
    scope: str
    expires_at: int | None


def create_token(
    database: Database,
    user: str,
    *,
    scope: str,
    name: str = "token",
    expires_seconds: int | None = None,
    no_later_than: int | None = None,
) -> IssuedToken:
    """Issue a token to a user.

    Args:
        no_later_than: when it ends at the latest, in microseconds since 1970.

    Raises:
        HubNotFoundError: no such user. HubError: no such scope, or an impossible time.
    """
    if scope not in Scope.TOKENS:
        raise HubError(f"{scope!r} is no scope.", f"Use one of {', '.join(Scope.TOKENS)}.")
    if expires_seconds is not None and expires_seconds <= 0:
        raise HubError("A token cannot expire before it is made.", "Give a positive time.")
    secret = PREFIX + secrets.token_urlsafe(32)
    asked = None if expires_seconds is None else now() + expires_seconds * SECOND
    expires_at = min((end for end in (asked, no_later_than) if end is not None), default=None)

    def issue(session: Session) -> IssuedToken:
        """Enter the token by the digest of its secret, which is kept nowhere."""
        account = find_account(session, user, USER)
        token = Token(
            account_id=account.id,
            name=name,
            scope=scope,
            secret_digest=hashlib.sha256(secret.encode()).hexdigest(),
            expires_at=expires_at,
        )
        session.add(token)
        session.flush()
        return IssuedToken(
            id=token.id,
            secret=secret,
            account=account.name,
            name=name,
            scope=scope,
            expires_at=expires_at,
        )

    return database.transact(issue)


def list_tokens(database: Database) -> list[dict[str, object]]:
    """All tokens, without their secrets."""
    return _tokens(database, _TOKENS)


def tokens_of(database: Database, account_id: str) -> list[dict[str, object]]:
    """An account's tokens that were not revoked, without their secrets."""
    return _tokens(
        database, _TOKENS.where(Token.account_id == account_id, Token.revoked_at.is_(None))
    )


def _tokens(database: Database, statement: Select[*tuple[Any, ...]]) -> list[dict[str, object]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def revoke_token(database: Database, token_id: str) -> None:
    """End a token at once.

    Raises:
        HubNotFoundError: no such token.
    """

    def revoke(session: Session) -> None:
        """Set the time of its end, once."""
        token = session.get(Token, token_id)
        if token is None:
            raise HubNotFoundError(
                f"There is no token {token_id!r}.", "List them with `ticket hub token list`."
            )
        token.revoked_at = token.revoked_at or now()

    database.transact(revoke)
