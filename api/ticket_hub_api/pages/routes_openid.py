"""Signing in with the operator's OpenID Connect provider."""

from __future__ import annotations

import secrets
from dataclasses import asdict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ticket_hub_api.accounts.identities import sign_in_as
from ticket_hub_api.accounts.openid import OpenIdProvider, SignInAttempt
from ticket_hub_api.errors import ApiError, forbidden, header_safe
from ticket_hub_api.pages.forms import safe_path
from ticket_hub_api.pages.router import READ_METHODS, page_router
from ticket_hub_api.pages.security import secure
from ticket_hub_api.pages.sessions import Anyone, is_https, set_session
from ticket_hub_api.services import services_of
from ticket_hub_api.web.requests import endpoint_of

__all__ = ["router"]

router = page_router()
SECONDS = 600
CALLBACK = "/sign-in/openid/callback"
MAX_TEXT = 200
_PURPOSE = "openid"
_AGAIN = "Sign in again, in one window, within ten minutes."


@router.api_route("/sign-in/openid", methods=READ_METHODS)
async def begin(request: Request, _visitor: Anyone) -> Response:
    """Send the browser to the provider, with a cookie that knows this try."""
    provider = _provider(request)
    attempt = SignInAttempt.begin(safe_path(request.query_params.get("next", "/")))
    address = await run_in_threadpool(provider.authorization, attempt, _redirect(request))
    response = secure(RedirectResponse(address, 303), cache="no-store")
    response.set_cookie(
        _cookie(request),
        services_of(request).signer.sign(_PURPOSE, SECONDS, **asdict(attempt)),
        max_age=SECONDS,
        httponly=True,
        samesite="lax",  # it must come back with a link from the provider
        secure=is_https(request),
    )
    return response


@router.api_route(CALLBACK, methods=["GET"])
async def finish(request: Request, _visitor: Anyone) -> Response:
    """Begin a session for whoever the provider says has come back."""
    provider, services = _provider(request), services_of(request)
    attempt = _attempt(request)
    asked = request.query_params
    if asked.get("error"):
        said = header_safe(asked.get("error_description") or asked["error"])[:MAX_TEXT]
        raise forbidden(f"The provider did not sign you in: {said}")
    if asked.get("iss", provider.issuer) != provider.issuer:  # RFC 9207
        raise forbidden(f"This answer is from another provider. {_AGAIN}")
    claims = await run_in_threadpool(
        provider.claims, attempt, asked.get("code", ""), _redirect(request)
    )
    token_id = await run_in_threadpool(sign_in_as, services.database, services.settings, claims)
    response = secure(RedirectResponse(attempt.following, 303), cache="no-store")
    set_session(request, response, token_id)
    response.delete_cookie(_cookie(request), secure=is_https(request), httponly=True)
    return response


def _provider(request: Request) -> OpenIdProvider:
    provider = services_of(request).openid
    if provider is None:
        raise ApiError(404, "Nobody can sign in here with OpenID Connect.")
    return provider


def _redirect(request: Request) -> str:
    return endpoint_of(request) + CALLBACK


def _cookie(request: Request) -> str:
    return "__Host-ticket-openid" if is_https(request) else "ticket-openid"


def _attempt(request: Request) -> SignInAttempt:
    """The try of this browser that the answer is to.

    Raises:
        ApiError: 403, there is none, it is too old, or the answer is to another one.
    """
    try:
        claims = services_of(request).signer.read(
            _PURPOSE, request.cookies.get(_cookie(request), "")
        )
    except ApiError as error:
        raise forbidden(f"This browser has not begun to sign in, or too long ago. {_AGAIN}") from (
            error
        )
    attempt = SignInAttempt(**{name: claims[name] for name in SignInAttempt.__dataclass_fields__})
    given = request.query_params.get("state", "")
    if not secrets.compare_digest(given.encode(), attempt.state.encode()):
        raise forbidden(f"This answer is to another try to sign in. {_AGAIN}")
    return attempt
