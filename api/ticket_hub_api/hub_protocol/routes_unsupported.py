"""The parts of the protocol that this hub leaves out, each with a clear answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ticket_hub_api import errors
from ticket_hub_api.web.requests import ANYBODY
from ticket_hub_api.web.routing import hub_router

__all__ = ["UNSUPPORTED", "router"]

router = hub_router()
ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
UNSUPPORTED = {
    "/api/{kind:kind}/{namespace}/{name}/super-squash/{revision}": "squashing: it breaks pins",
    "/api/{kind:kind}/{namespace}/{name}/discussions": "discussions and pull requests",
    "/api/{kind:kind}/{namespace}/{name}/discussions/{rest:path}": "discussions and pull requests",
    "/api/{kind:kind}/{namespace}/{name}/like": "likes",
    "/api/{kind:kind}/{namespace}/{name}/duplicate": "duplicating on the server",
    "/api/{kind:kind}/{namespace}/{name}/user-access-request/{rest:path}": "access requests",
    "/api/{kind:kind}/{namespace}/{name}/lfs-files": "listing large files by object",
    "/api/{kind:kind}/{namespace}/{name}/lfs-files/{rest:path}": "listing large files by object",
    "/api/spaces": "spaces",
    "/api/spaces/{rest:path}": "spaces",
    "/api/{kind:kind}/{namespace}/{name}/batch": "buckets",
    "/api/buckets/{rest:path}": "buckets",
    "/api/collections": "collections",
    "/api/collections/{rest:path}": "collections",
    "/api/jobs/{rest:path}": "jobs of the public Hub; use /api/v1/jobs",
    "/api/scheduled-jobs/{rest:path}": "jobs of the public Hub; use /api/v1/jobs",
    "/api/users/{rest:path}": "what the public Hub tells of users, but their overview",
    "/api/organizations/{rest:path}": "what the public Hub tells of organizations, but an overview",
    "/.well-known/openid-configuration": "signing in with other services; use a token",
    "/api/settings/{rest:path}": "account settings; use `ticket hub`",
}
GIT = ["/{namespace}/{name}.git/info/refs", "/{namespace}/{name}/info/refs"]


def _refuse(what: str) -> Callable[[], Awaitable[Response]]:
    async def refuse() -> Response:
        """Say what this hub does not do."""
        raise errors.not_supported(what)

    return refuse


async def refuse_git(request: Request) -> Response:
    """Say so in plain text, the only kind that git shows to a person."""
    error = errors.not_supported("git itself; fetch with `ticket pull` or `hf download`")
    refusal = errors.error_response(request, error)
    told = {name: refusal.headers[name] for name in ("X-Error-Code", "X-Error-Message")}
    return PlainTextResponse(error.message + "\n", refusal.status_code, told)


for _path in GIT:
    router.add_api_route(_path, refuse_git, methods=ALL_METHODS, dependencies=[ANYBODY])
for _path, _what in UNSUPPORTED.items():
    router.add_api_route(_path, _refuse(_what), methods=ALL_METHODS, dependencies=[ANYBODY])
