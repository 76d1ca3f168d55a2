"""Who is asking. Deny by default.

Every route declares its scope as a dependency (`Depends(Requires(...))`); a route without one is
refused when the application is built, and by a test.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import aliased
from starlette.requests import Request

from ticket_hub.errors import HubUnavailableError
from ticket_hub_api import errors
from ticket_hub_api.accounts.principals import ANONYMOUS, Principal, Scope
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import Account, Membership, Token, now
from ticket_hub_api.web.limits import Buckets, network_of

if TYPE_CHECKING:
    from ticket_hub_api.services import Services

__all__ = [
    "Requires",
    "RequiresNothing",
    "Signed",
    "XetToken",
    "authenticate",
    "bearer_token",
    "known_principal",
    "principal_of",
    "principal_of_token",
]


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


class Requires:
    """The dependency that admits a caller to a route, or refuses.

    Raises:
        ApiError: 401 without a valid token, 403 when the token's scope is too small, 429 when the
            caller has asked too often, or has shown too many wrong tokens.
    """

    def __init__(self, scope: str) -> None:
        """Demand at least this scope."""
        self.scope = scope

    async def __call__(self, request: Request) -> Principal:
        """The caller; a token that is shown must be valid even where none is needed."""
        services: Services = request.app.state.services
        principal = await self.identify(request)
        if principal.anonymous and self.scope != Scope.ANYONE:
            raise errors.unauthorized("Sign in with a token to do this.")
        if not principal.anonymous:
            request.scope["account"] = principal.name
        if "counted" not in request.scope:  # one request may pass more than one guard
            _count(services.requests, principal.account_id or _address(request))
            request.scope["counted"] = True
        if not principal.allows(self.scope):
            raise errors.forbidden(f"This needs a token with the scope {self.scope!r}.")
        return principal

    async def identify(self, request: Request) -> Principal:
        """Who shows a token in the header, or nobody."""
        if "principal" not in request.scope:  # a second guard need not look it up again
            secret = bearer_token(request)
            found = await known_principal(request, secret) if secret else ANONYMOUS
            request.scope["principal"] = found
        principal: Principal = request.scope["principal"]
        return principal


class RequiresNothing(Requires):
    """The dependency of what tells of the service's health, which must answer without a database.

    A token that is shown must be valid; one that cannot be looked up now is let pass.
    """

    def __init__(self) -> None:
        """Admit anyone."""
        super().__init__(Scope.ANYONE)

    async def identify(self, request: Request) -> Principal:
        """Who shows a token in the header, or nobody, also where nobody knows."""
        try:
            return await super().identify(request)
        except HubUnavailableError:
            return ANONYMOUS


async def known_principal(request: Request, secret: str) -> Principal:
    """The account whose token this is. Wrong ones are counted by where they come from.

    Raises:
        ApiError: 401 when it is not valid; 429 after too many of these.
    """
    services: Services = request.app.state.services
    try:
        return await services.principal(secret, request.scope.get("looks"))
    except errors.ApiError:  # who has a token gets in, whatever others behind the same address do
        _count(services.failures, _address(request))
        raise


def _address(request: Request) -> str:
    return network_of(request.client.host) if request.client else ""


def _count(bucket: Buckets, caller: str) -> None:
    if seconds := bucket.wait(caller):
        raise errors.too_many(seconds, f"Too many requests. Try again in {seconds} seconds.")
    bucket.take(caller)


class Signed:
    """The dependency of an address that carries its own permission, made by this service.

    Raises:
        ApiError: 403 when the signature is not genuine or too old.
    """

    scope = Scope.SIGNED

    def __init__(self, purpose: str) -> None:
        """Accept addresses that were signed for this purpose only."""
        self.purpose = purpose

    async def __call__(self, request: Request) -> dict[str, Any]:
        """The claims that were signed."""
        services: Services = request.app.state.services
        return services.signer.read(self.purpose, request.path_params["signed"])


class XetToken:
    """The dependency of the chunk store: a short-lived token made for one repository.

    Raises:
        ApiError: 401 without a genuine token, 403 when a read token is used for writing.
    """

    def __init__(self, scope: str) -> None:
        """Demand `Scope.XET_READ` or `Scope.XET_WRITE`."""
        self.scope = scope

    async def __call__(self, request: Request) -> dict[str, Any]:
        """The claims of the token: `repository`, `account`, `write`."""
        services: Services = request.app.state.services
        try:
            claims = services.signer.read("xet", bearer_token(request))
        except errors.ApiError as error:
            raise errors.unauthorized(error.message) from error
        if self.scope == Scope.XET_WRITE and not claims["write"]:
            raise errors.forbidden("This token may only read.")
        return claims


def bearer_token(request: Request) -> str:
    """The token in the Authorization header, or an empty string."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


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
