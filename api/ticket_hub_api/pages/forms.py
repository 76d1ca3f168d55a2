"""Forms that only the service's own pages can send.

A form carries a token that is signed for the visit of the browser that it was shown to, and the
browser says where it was sent from. Either alone stops other sites; both are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends
from starlette.requests import Request

from ticket_hub_api.errors import ApiError, bad_request, forbidden
from ticket_hub_api.pages.sessions import SECONDS, session_of
from ticket_hub_api.services import services_of
from ticket_hub_api.web.guards import bearer_token

__all__ = ["FIELD", "Fields", "checked_fields", "form_token", "safe_path"]

FIELD = "form_token"
"""Holds the token that a form was given."""
MAX_BYTES = 64 * 1024
MAX_FIELDS = 100
_PURPOSE = "form"
_AGAIN = "Open the page again and send its form once more."


def form_token(request: Request) -> str:
    """What the forms shown to this visit must carry."""
    signer = services_of(request).signer
    return signer.sign(_PURPOSE, SECONDS, nonce=session_of(request).nonce)


async def checked_fields(request: Request) -> Mapping[str, str]:
    """The fields of a form that this service showed to this visit.

    Who names their token in the header needs no form token: no browser adds that by itself.

    Raises:
        ApiError: 403 from elsewhere, 413 when there is too much, 400 or 415 for another format.
    """
    fields = await _fields(request)
    if not bearer_token(request):
        # Refuse what a browser says comes from another place. Proxies may have changed the scheme.
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site", "same-origin")
        endpoint = services_of(request).settings.endpoint
        # Behind a proxy browsers know the endpoint and not this host; without one, the host.
        own = {urlsplit(endpoint).netloc, request.headers.get("host", "")} - {""}
        foreign = origin is not None and urlsplit(origin).netloc not in own
        if foreign or site not in {"same-origin", "none"}:
            raise forbidden(f"This form was sent from another site. {_AGAIN}")
        try:
            claims = services_of(request).signer.read(_PURPOSE, fields.get(FIELD, ""))
        except ApiError as error:
            raise forbidden(f"This form is too old, or not from here. {_AGAIN}") from error
        if claims["nonce"] != session_of(request).nonce:
            raise forbidden(f"This form was shown before you signed in or out. {_AGAIN}")
    return fields


Fields: TypeAlias = Annotated[Mapping[str, str], Depends(checked_fields)]
"""The fields of a form whose token was checked."""


async def _fields(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"application/x-www-form-urlencoded", ""}:
        raise ApiError(415, "Send the form as application/x-www-form-urlencoded.")
    body = bytearray()
    # Counted as it comes: a length in the header may be missing, or false.
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BYTES:
            raise ApiError(413, f"A form may have {MAX_BYTES // 1024} KiB at most.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise bad_request(f"The form cannot be read. {_AGAIN}") from error
    return dict(pairs)


def safe_path(text: str) -> str:
    """A path on this service to go on to; anything else becomes the first page."""
    parts = urlsplit(text)
    # Browsers read a backslash as a slash, and two slashes begin the name of another host.
    plain = text.isprintable() and "\\" not in text
    if plain and text.startswith("/") and not text.startswith("//") and not parts.netloc:
        return text
    return "/"
