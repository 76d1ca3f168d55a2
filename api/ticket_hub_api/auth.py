"""Who is asking. Deny by default.

Every route declares its scope as a dependency (`Depends(Requires(...))`); a route without one is
refused when the application is built, and by a test.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, select
from sqlalchemy.engine import Connection
from starlette.requests import Request

from ticket_hub.errors import HubUnavailableError
from ticket_hub_api import errors
from ticket_hub_api.catalog.database import Database
from ticket_hub_api.catalog.tables import Account, Membership, Token, now
from ticket_hub_api.limits import Buckets, network_of
from ticket_hub_api.principals import ANONYMOUS, Principal, Scope

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


_TOKEN_ROW = select(
    Token.id.label("token_id"),
    Token.secret_digest,
    Token.scope,
    Token.name.label("token_name"),
    Token.created_at,
    Token.expires_at,
    Token.revoked_at,
    Account.id.label("account_id"),
    Account.disabled,
).join(Account, Account.id == Token.account_id)


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
        return await services.principal(secret)
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
        row = connection.execute(_TOKEN_ROW.where(Token.secret_digest == digest)).first()
        if row is None or not hmac.compare_digest(row.secret_digest, digest):
            raise errors.unauthorized()
        return _principal(connection, row)


def principal_of_token(database: Database, token_id: str) -> Principal:
    """The account of a token that was shown before.

    Raises:
        ApiError: 401, when the token is gone, expired, revoked, or its account is disabled.
    """
    with database.read() as connection:
        row = connection.execute(_TOKEN_ROW.where(Token.id == token_id)).first()
        if row is None:
            raise errors.unauthorized("This token was removed.")
        return _principal(connection, row)


def _principal(connection: Connection, row: Row[*tuple[Any, ...]]) -> Principal:
    if row.revoked_at is not None or row.disabled:
        raise errors.unauthorized("This token was revoked.")
    if row.expires_at is not None and row.expires_at <= now():
        raise errors.unauthorized("This token has expired.")
    return replace(
        principal_of(connection, row.account_id),
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
    row = connection.execute(
        select(Account.id, Account.name, Account.full_name, Account.email).where(
            Account.id == account_id, Account.disabled.is_(False)
        )
    ).first()
    if row is None:
        raise errors.unauthorized("This account is locked out.")
    members = connection.execute(
        select(Membership.organization_id, Account.name, Membership.role)
        .join(Account, Account.id == Membership.organization_id)
        .where(Membership.user_id == account_id)
    ).all()
    return Principal(
        account_id=row.id,
        name=row.name,
        full_name=row.full_name,
        email=row.email,
        roles=((row.id, "admin"), *((m.organization_id, m.role) for m in members)),
        organizations=tuple((m.name, m.role) for m in members),
    )
