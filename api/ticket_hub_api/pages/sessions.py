"""Who is signed in: a signed cookie that names a token, never the token itself.

The cookie holds the token's identifier and a nonce. It lasts a week at most, and ends at once when
the token is revoked or expires, or its account is disabled. Visitors who are shown a form without
being signed in get a cookie with a nonce alone.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from ticket_hub_api.accounts.principals import ANONYMOUS, Principal, Scope
from ticket_hub_api.errors import ApiError
from ticket_hub_api.services import services_of
from ticket_hub_api.web.guards import Requires, bearer_token

__all__ = [
    "Administrator",
    "Anyone",
    "BrowserSession",
    "SignedIn",
    "Visits",
    "Writer",
    "session_of",
    "set_session",
]

SECONDS = 7 * 24 * 3600
_PURPOSE = "session"


@dataclass(frozen=True, kw_only=True)
class BrowserSession:
    """One browser's visit.

    Attributes:
        token_id: of the token that was signed in with, or an empty string.
        nonce: what this browser's forms are bound to.
    """

    token_id: str
    nonce: str


def is_https(request: Request) -> bool:
    """Whether browsers reach the service by https, perhaps through a proxy."""
    endpoint = services_of(request).settings.endpoint
    return (urlsplit(endpoint).scheme if endpoint else request.url.scheme) == "https"


def cookie_name(request: Request) -> str:
    """The cookie's name; with https one that no other host and no http page can set."""
    return "__Host-ticket-session" if is_https(request) else "ticket-session"


def session_of(request: Request) -> BrowserSession:
    """The visit that the cookie names, or a new one; always the same one during a request."""
    known: BrowserSession | None = getattr(request.state, "session", None)
    if known is None:
        known = _read(request) or BrowserSession(token_id="", nonce=secrets.token_urlsafe(18))
        request.state.session = known
    return known


def _read(request: Request) -> BrowserSession | None:
    text = request.cookies.get(cookie_name(request), "")
    try:
        claims = services_of(request).signer.read(_PURPOSE, text) if text else None
    # A cookie that is too old, or that was not signed here, is none.
    except ApiError:
        return None
    if claims is None:
        return None
    return BrowserSession(token_id=claims["token"], nonce=claims["nonce"])


def set_session(request: Request, response: Response, token_id: str) -> None:
    """Begin a visit with a token, or with an empty string end it. The nonce is a new one."""
    # Another nonce, so that forms from before signing in or out are refused.
    session = BrowserSession(token_id=token_id, nonce=secrets.token_urlsafe(18))
    request.state.session = session
    keep_session(request, response)


def keep_session(request: Request, response: Response) -> None:
    """Hand the browser the cookie of its visit."""
    session = session_of(request)
    signer = services_of(request).signer
    text = signer.sign(_PURPOSE, SECONDS, token=session.token_id, nonce=session.nonce)
    response.set_cookie(
        cookie_name(request),
        text,
        max_age=SECONDS,
        httponly=True,
        # Strict would show a page as if signed out to whoever follows a link from elsewhere.
        samesite="lax",
        secure=is_https(request),
    )


async def visitor_of(request: Request) -> Principal:
    """The account that is signed in; a token that ended leaves the visitor anonymous."""
    known: Principal | None = getattr(request.state, "visitor", None)
    if known is None:
        known = await _visitor(request)
        request.state.visitor = known
    return known


async def _visitor(request: Request) -> Principal:
    session = session_of(request)
    if not session.token_id:
        return ANONYMOUS
    try:
        return await services_of(request).principal_of_token(session.token_id)
    except ApiError as error:
        if error.status != 401:  # noqa: PLR2004 - not signed in
            raise
        request.state.session_ended = error.message
        return ANONYMOUS


class Visits(Requires):
    """Admits a visitor to a page: by the session cookie, or by a token in the header.

    Raises:
        ApiError: 401 where nobody is signed in and somebody must be; 403 when the token that was
            signed in with has too small a scope.
    """

    async def identify(self, request: Request) -> Principal:
        """Who asks: by a token, or by the session of the browser."""
        if bearer_token(request):
            # Noted first: a token in the header is before the cookie.
            request.state.visitor = await super().identify(request)
        return await visitor_of(request)


Anyone: TypeAlias = Annotated[Principal, Depends(Visits(Scope.ANYONE))]
"""Whoever looks at a page, signed in or not."""
SignedIn: TypeAlias = Annotated[Principal, Depends(Visits(Scope.READ))]
"""Somebody who may read what their account may."""
Writer: TypeAlias = Annotated[Principal, Depends(Visits(Scope.WRITE))]
"""Somebody whose token may write."""
Administrator: TypeAlias = Annotated[Principal, Depends(Visits(Scope.ADMIN))]
"""An operator of the hub."""
