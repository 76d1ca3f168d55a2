"""Users, organizations and tokens."""

from __future__ import annotations

import dataclasses

from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.operation.opening import open_hub
from ticket_hub_api.settings import Settings

__all__ = [
    "add_member",
    "add_organization",
    "add_user",
    "create_token",
    "list_accounts",
    "list_tokens",
    "revoke_token",
    "set_disabled",
]


def add_user(settings: Settings, name: str, *, full_name: str = "", email: str = "") -> None:
    """Add a user; the database is made where there is none.

    Raises:
        HubError: the name cannot be used. HubConflictError: it is taken.
    """
    with open_hub(settings, create=True) as hub:
        accounts.add_user(hub.database, name, full_name=full_name, email=email)


def add_organization(settings: Settings, name: str, *, full_name: str = "") -> None:
    """Add an organization; the database is made where there is none.

    Raises:
        HubError: the name cannot be used. HubConflictError: it is taken.
    """
    with open_hub(settings, create=True) as hub:
        accounts.add_organization(hub.database, name, full_name=full_name)


def add_member(settings: Settings, organization: str, user: str, role: str) -> None:
    """Give a user a role in an organization, or with `none` take it away."""
    with open_hub(settings) as hub:
        if role == "none":
            accounts.remove_member(hub.database, organization, user)
        else:
            accounts.add_member(hub.database, organization, user, role)


def list_accounts(settings: Settings) -> list[dict[str, str]]:
    """All accounts."""
    with open_hub(settings) as hub:
        return accounts.account_names(hub.database)


def set_disabled(settings: Settings, name: str, *, disabled: bool) -> None:
    """Lock an account out, or let it in again."""
    with open_hub(settings) as hub:
        accounts.set_disabled(hub.database, name, disabled=disabled)


def create_token(
    settings: Settings, user: str, *, scope: str, name: str, expires_seconds: int | None
) -> dict[str, object]:
    """Issue a token; its secret is in the answer and nowhere else."""
    with open_hub(settings) as hub:
        issued = tokens.create_token(
            hub.database, user, scope=scope, name=name, expires_seconds=expires_seconds
        )
    return dataclasses.asdict(issued)


def list_tokens(settings: Settings) -> list[dict[str, object]]:
    """All tokens, without their secrets."""
    with open_hub(settings) as hub:
        return tokens.list_tokens(hub.database)


def revoke_token(settings: Settings, token_id: str) -> None:
    """End a token."""
    with open_hub(settings) as hub:
        tokens.revoke_token(hub.database, token_id)
