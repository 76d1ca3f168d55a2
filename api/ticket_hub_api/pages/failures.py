"""Refusals as pages, for people who reach them in a browser."""

from __future__ import annotations

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from ticket_hub_api.errors import ApiError, header_safe
from ticket_hub_api.pages.rendering import render
from ticket_hub_api.pages.router import TAG
from ticket_hub_api.web.problems import headers_of, problem_of

__all__ = ["failure_page", "wants_page"]

_UNAUTHORIZED, _NOT_FOUND = 401, 404
_HIDDEN = "Nothing that everybody may see has this name. Your account may see more."


def wants_page(request: Request) -> bool:
    """Whether a refusal should be a page: on a page's route, or where a browser found nothing."""
    route = request.scope.get("route")
    if isinstance(route, APIRoute):
        return TAG in route.tags
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def failure_page(request: Request, error: Exception) -> Response:
    """The page that says what is wrong and what to do; with 401, the form to sign in."""
    problem = problem_of(error)
    known = isinstance(error, ApiError)
    signing_in = problem.status == _UNAUTHORIZED
    hidden = isinstance(error, ApiError) and signing_in and error.code == "RepoNotFound"
    context = {
        "title": "Sign in" if signing_in else problem.title,
        "message": _HIDDEN if hidden else problem.detail,
        "remedy": "" if known else problem.remedy,
        "signing_in": signing_in,
        "looked_for": _address(request) if problem.status == _NOT_FOUND else "",
        "next": _address(request) if request.method == "GET" else "/",
    }
    response = render(request, "failure.html", context, status=problem.status, forms=signing_in)
    response.headers.update({"X-Error-Message": header_safe(problem.detail), **headers_of(error)})
    return response


def _address(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")
