"""Signing in and out, and an account's own tokens."""

from __future__ import annotations

from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ticket_hub.errors import HubError
from ticket_hub_api.accounts import tokens
from ticket_hub_api.accounts.identities import SESSION
from ticket_hub_api.accounts.principals import Principal, Scope, TokenScope
from ticket_hub_api.errors import ApiError, bad_request, forbidden
from ticket_hub_api.pages.forms import Fields, safe_path
from ticket_hub_api.pages.rendering import render
from ticket_hub_api.pages.router import READ_METHODS, page_router
from ticket_hub_api.pages.security import secure
from ticket_hub_api.pages.sessions import Anyone, SignedIn, session_of, set_session
from ticket_hub_api.services import services_of
from ticket_hub_api.store.tables import now
from ticket_hub_api.web.guards import known_principal

__all__ = ["router"]

router = page_router()
DAY = 24 * 3600
LIFETIMES = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "a year", "": "until revoked"}
MAX_NAME = 60
_NOT_VALID = "The hub does not know this token, or it has expired or was revoked."


@router.api_route("/sign-in", methods=READ_METHODS)
async def sign_in_form(request: Request, visitor: Anyone) -> Response:
    """The form that takes a token."""
    following = safe_path(request.query_params.get("next", "/"))
    if not visitor.anonymous:
        return _go(following)
    return render(request, "sign_in.html", {"next": following, "problem": ""}, forms=True)


@router.post("/sign-in")
async def sign_in(request: Request, _visitor: Anyone, fields: Fields) -> Response:
    """Begin a session with a token."""
    following = safe_path(fields.get("next", "/"))
    try:
        visitor = await known_principal(request, fields.get("token", "").strip())
    except ApiError as error:
        if error.status != 401:  # noqa: PLR2004 - the token is not valid
            raise
        context = {"next": following, "problem": _NOT_VALID}
        return render(request, "sign_in.html", context, status=401, forms=True)
    response = _go(following)
    set_session(request, response, visitor.token_id)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, visitor: Anyone, _fields: Fields) -> Response:
    """End the session."""
    response = _go("/sign-in")
    if visitor.token_name == SESSION:  # nobody else has it
        await run_in_threadpool(
            tokens.revoke_token, services_of(request).database, visitor.token_id
        )
    set_session(request, response, "")
    return response


@router.api_route("/account", methods=READ_METHODS)
async def account(request: Request, visitor: SignedIn) -> Response:
    """The account and its tokens."""
    return await _account_page(request, visitor)


@router.post("/account/tokens")
async def create_token(request: Request, visitor: SignedIn, fields: Fields) -> Response:
    """Make a token that may do no more, and lives no longer, than the one signed in with."""
    name = fields.get("name", "").strip()
    scope = fields.get("scope", "")
    days = fields.get("days", "")
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise bad_request(f"Give the token a name of at most {MAX_NAME} characters.")
    if days not in LIFETIMES or scope not in Scope.TOKENS:
        raise bad_request("Choose a scope and a lifetime from the lists.")
    if not visitor.allows(scope):
        raise forbidden(f"You signed in with a token that has the scope {visitor.scope!r} only.")
    try:
        issued = await run_in_threadpool(
            tokens.create_token,
            services_of(request).database,
            visitor.name,
            scope=scope,
            name=name,
            expires_seconds=int(days) * DAY if days else None,
            no_later_than=visitor.expires_at,
        )
    except HubError as error:
        raise bad_request(str(error)) from error
    return await _account_page(request, visitor, issued=issued)


@router.post("/account/tokens/{token_id}/revoke")
async def revoke_token(
    request: Request, visitor: SignedIn, fields: Fields, token_id: str
) -> Response:
    """End one of the account's own tokens."""
    del fields
    database = services_of(request).database
    own = await run_in_threadpool(tokens.tokens_of, database, visitor.account_id)
    token = next((each for each in own if each["id"] == token_id), None)
    if token is None:
        raise ApiError(404, "You have no such token.")
    if not visitor.allows(cast("TokenScope", token["scope"])):
        raise forbidden("This token may do more than the one you signed in with.")
    await run_in_threadpool(tokens.revoke_token, database, token_id)
    return _go("/account")


async def _account_page(
    request: Request, visitor: Principal, issued: tokens.IssuedToken | None = None
) -> Response:
    services = services_of(request)
    own = await run_in_threadpool(tokens.tokens_of, services.database, visitor.account_id)
    context: dict[str, Any] = {
        "tokens": own,
        "now": now(),
        "issued": issued,
        "current": session_of(request).token_id,
        "scopes": [scope for scope in Scope.TOKENS if visitor.allows(scope)],
        "lifetimes": LIFETIMES,
        "max_name": MAX_NAME,
    }
    response = render(request, "account.html", context, forms=True)
    response.headers["Cache-Control"] = "no-store"
    return response


def _go(path: str) -> Response:
    return secure(RedirectResponse(path, 303), cache="no-store")
