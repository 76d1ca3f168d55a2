"""What every page tells the browser to refuse."""

from __future__ import annotations

from starlette.responses import Response

__all__ = ["POLICY", "secure"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No script, style or image but the service's own files, and no request to another host."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not `no-referrer`: with it browsers send `Origin: null` with the service's own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def secure(response: Response, *, cache: str = "private, no-cache") -> Response:
    """The response with the headers of every page.

    Args:
        cache: for Cache-Control. Pages show what one visitor may see, so nobody else keeps them.
    """
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", cache)
    return response
