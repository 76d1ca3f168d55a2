"""Templates, and what all of them may use."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ticket_hub_api.accounts.principals import ANONYMOUS, Principal
from ticket_hub_api.pages import drawing, sessions, wording
from ticket_hub_api.pages.forms import FIELD, form_token
from ticket_hub_api.pages.security import secure
from ticket_hub_api.pages.static_files import address_of
from ticket_hub_api.services import services_of

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["is_fragment", "render", "templates"]

THEMES = ("light", "dark")
THEME_COOKIE = "ticket-theme"
_HTMX = {
    "allowEval": False,
    "allowScriptTags": False,
    "historyCacheSize": 0,
    "historyRestoreAsHxRequest": False,
    "includeIndicatorStyles": False,
    "refreshOnHistoryMiss": True,
    "selfRequestsOnly": True,
}


@functools.cache
def templates() -> Environment:
    """The templates, strict about names, with the words of the pages as filters."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # slow to import

    environment = Environment(
        loader=PackageLoader("ticket_hub_api.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(wording.FILTERS, sparkline=drawing.sparkline)
    environment.globals.update(
        address_of=address_of, htmx_config=json.dumps(_HTMX), form_field=FIELD
    )
    return environment


def is_fragment(request: Request) -> bool:
    """Whether a part of the page is asked for, to be swapped into the one that is shown."""
    return request.headers.get("hx-request") == "true"


def render(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    forms: bool = False,
) -> Response:
    """A page, or a part of one, as a response that runs nothing but the service's own scripts.

    Args:
        template: its name in the package.
        context: what the template names; a name that is missing is an error.
        forms: whether it has forms beside the one that signs out.
    """
    provider = services_of(request).openid
    visitor: Principal = getattr(request.state, "visitor", ANONYMOUS)
    forms = forms or not visitor.anonymous
    chosen = request.cookies.get(THEME_COOKIE, "")
    text = (
        templates()
        .get_template(template)
        .render(
            **context,
            request=request,
            visitor=visitor,
            session_ended=getattr(request.state, "session_ended", ""),
            theme=chosen if chosen in THEMES else "",
            openid=provider.name if provider else "",
            local=services_of(request).settings.local,
            form_token=form_token(request) if forms else "",
        )
    )
    # One address has other pages for who is signed in, and parts of pages for htmx.
    response = HTMLResponse(text, status, headers={"Vary": "Cookie, HX-Request"})
    if forms and visitor.anonymous:
        sessions.keep_session(request, response)
    return secure(response)
