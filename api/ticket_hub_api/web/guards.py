"""Who may come in. Deny by default.

Every route declares its scope as a dependency (`Depends(Requires(...))`); a route without one is
refused when the application is built, and by a test.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from ticket_hub.errors import HubUnavailableError
from ticket_hub_api import errors
from ticket_hub_api.accounts.principals import ANONYMOUS, Principal, Scope, ScopeName
from ticket_hub_api.limits import Buckets, network_of
from ticket_hub_api.services import services_of

__all__ = ["Requires", "RequiresNothing", "Signed", "XetToken", "bearer_token", "known_principal"]


class Requires:
    """The dependency that admits a caller to a route, or refuses.

    Raises:
        ApiError: 401 without a valid token, 403 when the token's scope is too small, 429 when the
            caller has asked too often, or has shown too many wrong tokens.
    """

    def __init__(self, scope: ScopeName) -> None:
        """Demand at least this scope."""
        self.scope = scope

    async def __call__(self, request: Request) -> Principal:
        """The caller; a token that is shown must be valid even where none is needed."""
        services = services_of(request)
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
    services = services_of(request)
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
        services = services_of(request)
        return services.signer.read(self.purpose, request.path_params["signed"])


class XetToken:
    """The dependency of the chunk store: a short-lived token made for one repository.

    Raises:
        ApiError: 401 without a genuine token, 403 when a read token is used for writing.
    """

    def __init__(self, scope: ScopeName) -> None:
        """Demand `Scope.XET_READ` or `Scope.XET_WRITE`."""
        self.scope = scope

    async def __call__(self, request: Request) -> dict[str, Any]:
        """The claims of the token: `repository`, `account`, `write`."""
        services = services_of(request)
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
