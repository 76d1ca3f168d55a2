"""Users, organizations and tokens: what an operator does with `ticket hub user` and `token`."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ticket_hub.errors import HubConflictError, HubError, HubNotFoundError
from ticket_hub_api.catalog.database import Database
from ticket_hub_api.catalog.tables import Account, Membership, Token, now
from ticket_hub_api.principals import Scope

__all__ = [
    "IssuedToken",
    "account_names",
    "add_member",
    "add_organization",
    "add_user",
    "create_token",
    "find_account",
    "has_accounts",
    "is_reserved",
    "list_tokens",
    "remove_member",
    "revoke_token",
    "set_disabled",
    "tokens_of",
]

USER = "user"
ORGANIZATION = "organization"
ROLES = ("read", "write", "admin")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")
_RESERVED = frozenset({
    "account", "api", "compare", "datasets", "docs", "healthz", "jobs", "lfs", "login", "metrics",
    "models", "openapi.json", "operator", "readyz", "settings", "sign-in", "sign-out", "spaces",
    "static", "tickets", "transfer", "v1", "v2",
})  # fmt: skip

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


def is_reserved(name: str) -> bool:
    """Whether a name is the beginning of the service's own addresses."""
    return name.lower() in _RESERVED


def has_accounts(database: Database) -> bool:
    """Whether anybody could sign in."""
    with database.read() as connection:
        return bool(connection.scalar(select(func.count()).select_from(Account)))


def account_names(database: Database) -> list[dict[str, str]]:
    """All accounts: name, kind, and whether each is disabled."""
    with database.read() as connection:
        rows = connection.execute(
            select(Account.name, Account.kind, Account.disabled).order_by(Account.key)
        )
        return [
            {"name": row.name, "kind": row.kind, "disabled": "yes" if row.disabled else "no"}
            for row in rows
        ]


def add_user(database: Database, name: str, *, full_name: str = "", email: str = "") -> None:
    """Add a user.

    Raises:
        HubError: the name cannot be used. HubConflictError: it is taken.
    """
    _add_account(database, Account(name=name, kind=USER, full_name=full_name, email=email))


def add_organization(database: Database, name: str, *, full_name: str = "") -> None:
    """Add an organization, which owns repositories and has members; raises as `add_user`."""
    _add_account(database, Account(name=name, kind=ORGANIZATION, full_name=full_name))


def _add_account(database: Database, account: Account) -> None:
    name = account.name
    if is_reserved(name):
        raise HubError(
            f"{name!r} cannot be the name of an account: the hub's own addresses begin with it.",
            "Choose another name.",
        )
    if not _NAME.fullmatch(name) or ".." in name or "--" in name:
        raise HubError(
            f"{name!r} cannot be the name of an account.",
            "Use letters, digits, '-', '_' and '.', at most 96, beginning and ending with a letter "
            "or a digit.",
        )
    account.key = name.lower()
    with database.write() as session:
        if session.scalar(select(Account.id).where(Account.key == account.key)):
            raise HubConflictError(f"There is an account {name!r} already.", "Choose another name.")
        session.add(account)


def add_member(database: Database, organization: str, user: str, role: str = "write") -> None:
    """Make a user a member of an organization, or change their role.

    Raises:
        HubNotFoundError: no such organization or user. HubError: no such role.
    """
    if role not in ROLES:
        raise HubError(f"{role!r} is no role.", f"Use one of {', '.join(ROLES)}.")
    with database.write() as session:
        owner, member = (
            find_account(session, organization, ORGANIZATION),
            find_account(session, user, USER),
        )
        row = session.get(Membership, (owner.id, member.id))
        if row is None:
            row = Membership(organization_id=owner.id, user_id=member.id)
            session.add(row)
        row.role = role


def remove_member(database: Database, organization: str, user: str) -> None:
    """End a membership; nothing happens where there is none.

    Raises:
        HubNotFoundError: no such organization or user.
    """
    with database.write() as session:
        owner, member = (
            find_account(session, organization, ORGANIZATION),
            find_account(session, user, USER),
        )
        row = session.get(Membership, (owner.id, member.id))
        if row is not None:
            session.delete(row)


def set_disabled(database: Database, name: str, *, disabled: bool) -> None:
    """Lock an account out with all its tokens, or let it in again.

    Raises:
        HubNotFoundError: no such account.
    """
    with database.write() as session:
        find_account(session, name).disabled = disabled


def find_account(session: Session, name: str, kind: str = "") -> Account:
    """The account of a name.

    Raises:
        HubNotFoundError: there is none, or it is of another kind.
    """
    account = session.scalar(select(Account).where(Account.key == name.lower()))
    if account is None or kind not in {"", account.kind}:
        raise HubNotFoundError(
            f"There is no {kind or 'account'} {name!r}.", "Add it with `ticket hub user add`."
        )
    return account


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
    secret = "th_" + secrets.token_urlsafe(32)
    asked = None if expires_seconds is None else now() + expires_seconds * 1_000_000
    expires_at = min((end for end in (asked, no_later_than) if end is not None), default=None)
    with database.write() as session:
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
    with database.write() as session:
        token = session.get(Token, token_id)
        if token is None:
            raise HubNotFoundError(
                f"There is no token {token_id!r}.", "List them with `ticket hub token list`."
            )
        token.revoked_at = token.revoked_at or now()
