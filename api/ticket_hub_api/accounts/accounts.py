"""Users and organizations: what an operator does with `ticket hub user`."""

from __future__ import annotations

import re

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ticket_hub.errors import HubConflictError, HubError, HubNotFoundError
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import Account, Membership

__all__ = [
    "account_names",
    "add_member",
    "add_organization",
    "add_to",
    "add_user",
    "find_account",
    "has_accounts",
    "is_free",
    "is_reserved",
    "remove_member",
    "set_disabled",
]

USER = "user"
ORGANIZATION = "organization"
ROLES = ("read", "write", "admin")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")
_RESERVED = frozenset({
    "account", "api", "compare", "datasets", "docs", "experiments", "healthz", "jobs",
    "leaderboard", "lfs", "login", "metrics", "models", "openapi.json", "operator", "readyz",
    "settings", "sign-in", "sign-out", "spaces", "static", "tickets", "transfer", "v1", "v2", "xet",
})  # fmt: skip


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
    """Add an organization, which owns repositories and has members.

    Raises:
        HubError: the name cannot be used. HubConflictError: it is taken.
    """
    _add_account(database, Account(name=name, kind=ORGANIZATION, full_name=full_name))


def _add_account(database: Database, account: Account) -> None:
    database.transact(lambda session: add_to(session, account))


def is_free(session: Session, name: str) -> bool:
    """Whether an account could have this name."""
    taken = session.scalar(select(Account.id).where(Account.key == name.lower()))
    return _is_name(name) and not is_reserved(name) and not taken


def add_to(session: Session, account: Account) -> None:
    """Add an account within a transaction.

    Raises:
        HubError: the name cannot be used. HubConflictError: it is taken.
    """
    name = account.name
    if is_reserved(name):
        raise HubError(
            f"{name!r} cannot be the name of an account: the hub's own addresses begin with it.",
            "Choose another name.",
        )
    if not _is_name(name):
        raise HubError(
            f"{name!r} cannot be the name of an account.",
            "Use letters, digits, '-', '_' and '.', at most 96, beginning and ending with a letter "
            "or a digit.",
        )
    account.key = name.lower()
    if session.scalar(select(Account.id).where(Account.key == account.key)):
        raise HubConflictError(f"There is an account {name!r} already.", "Choose another name.")
    session.add(account)


def _is_name(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and ".." not in name and "--" not in name


def add_member(database: Database, organization: str, user: str, role: str = "write") -> None:
    """Make a user a member of an organization, or change their role.

    Raises:
        HubNotFoundError: no such organization or user. HubError: no such role.
    """
    if role not in ROLES:
        raise HubError(f"{role!r} is no role.", f"Use one of {', '.join(ROLES)}.")

    def add(session: Session) -> None:
        """Enter the membership, or change its role."""
        owner, member = (
            find_account(session, organization, ORGANIZATION),
            find_account(session, user, USER),
        )
        row = session.get(Membership, (owner.id, member.id))
        if row is None:
            row = Membership(organization_id=owner.id, user_id=member.id)
            session.add(row)
        row.role = role

    database.transact(add)


def remove_member(database: Database, organization: str, user: str) -> None:
    """End a membership; nothing happens where there is none.

    Raises:
        HubNotFoundError: no such organization or user.
    """

    def remove(session: Session) -> None:
        """Delete the membership, if there is one."""
        owner, member = (
            find_account(session, organization, ORGANIZATION),
            find_account(session, user, USER),
        )
        row = session.get(Membership, (owner.id, member.id))
        if row is not None:
            session.delete(row)

    database.transact(remove)


def set_disabled(database: Database, name: str, *, disabled: bool) -> None:
    """Lock an account out with all its tokens, or let it in again.

    Raises:
        HubNotFoundError: no such account.
    """

    def change(session: Session) -> None:
        """Set the mark on the account."""
        find_account(session, name).disabled = disabled

    database.transact(change)


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
