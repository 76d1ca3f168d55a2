"""Accounts of people whom an OpenID Connect provider vouches for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticket_hub.errors import HubError
from ticket_hub_api.accounts import tokens
from ticket_hub_api.accounts.accounts import USER, add_to, is_free
from ticket_hub_api.errors import forbidden
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import Account, Identity

__all__ = ["SESSION", "is_allowed", "sign_in_as"]

SESSION = "signed in by OpenID Connect"
"""What a token is called that such a session began with."""
SESSION_SECONDS = 7 * 24 * 3600
MAX_TRIES = 100
_OTHER = re.compile(r"[^A-Za-z0-9]+")


def is_allowed(rules: str, claims: Mapping[str, Any]) -> bool:
    """Whether one of an operator's rules holds for what a provider says of somebody.

    Args:
        rules: with commas: `claim=value`, where a claim that is a list must have the value in it;
            `*` for everybody. Of an address, `email=*@example.org` takes all of a domain, and an
            address counts only where the provider has verified it.
    """
    return any(_holds(each.strip(), claims) for each in rules.split(",") if each.strip())


def _holds(rule: str, claims: Mapping[str, Any]) -> bool:
    if rule == "*":
        return True
    name, _, value = rule.partition("=")
    found = claims.get(name)
    if name == "email":
        if claims.get("email_verified") is not True or not isinstance(found, str):
            return False
        domain = value.removeprefix("*") if value.startswith("*@") else ""
        return found.lower() == value.lower() or bool(
            domain and found.lower().endswith(domain.lower())
        )
    values = found if isinstance(found, list) else [found]
    return any(str(each) == value for each in values if isinstance(each, str | int | bool))


def sign_in_as(database: Database, settings: Settings, claims: Mapping[str, Any]) -> str:
    """Begin a session of the account that a provider's user has, which is made at the first time.

    The rules are asked at every sign-in: who has left a group stays out from then on.

    Returns:
        The id of the session's token.

    Raises:
        ApiError: 403, no rule lets this user in, or the account is locked out.
    """
    if not is_allowed(settings.oidc_allow, claims):
        raise forbidden(
            "This hub lets in other users of your provider only. Ask who runs it to add a rule "
            "that holds for you."
        )
    name, is_disabled = database.transact(lambda session: _account(session, settings, claims))
    if is_disabled:
        raise forbidden(f"The account {name} is locked out. Ask who runs this hub.")
    return tokens.create_token(
        database, name, scope=settings.oidc_scope, name=SESSION, expires_seconds=SESSION_SECONDS
    ).id


def _account(session: Session, settings: Settings, claims: Mapping[str, Any]) -> tuple[str, bool]:
    known = session.scalar(
        select(Account)
        .join(Identity, Identity.account_id == Account.id)
        .where(Identity.issuer == settings.oidc_issuer, Identity.subject == claims["sub"])
    )
    if known is None:
        known = Account(
            name=_free_name(session, claims),
            kind=USER,
            full_name=str(claims.get("name", ""))[:200],
            email=str(claims.get("email", ""))[:200],
        )
        add_to(session, known)
        session.flush()
        session.add(
            Identity(account_id=known.id, issuer=settings.oidc_issuer, subject=claims["sub"])
        )
    return known.name, known.disabled


def _free_name(session: Session, claims: Mapping[str, Any]) -> str:
    """A name for a new account: nobody gets the account of another by being called so."""
    asked = str(claims.get("preferred_username") or claims.get("email") or "user")
    plain = _OTHER.sub("-", asked.partition("@")[0]).strip("-")[:80] or "user"
    for number in range(1, MAX_TRIES):
        name = plain if number == 1 else f"{plain}-{number}"
        if is_free(session, name):
            return name
    raise HubError(f"There are {MAX_TRIES} accounts called {plain}.", "Choose another name there.")
