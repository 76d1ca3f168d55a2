"""The parts of the protocol that this hub leaves out, each with a clear answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from ticket_hub_api import errors
from ticket_hub_api.hub_protocol.requests import ANYBODY
from ticket_hub_api.hub_protocol.routing import hub_router

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
    "/{namespace}/{name}.git/info/refs": "git itself; use the client library",
    "/{namespace}/{name}/info/refs": "git itself; use the client library",
}


def _refuse(what: str) -> Callable[[], Awaitable[Response]]:
    async def refuse() -> Response:
        """Say what this hub does not do."""
        raise errors.not_supported(what)

    return refuse


for _path, _what in UNSUPPORTED.items():
    router.add_api_route(_path, _refuse(_what), methods=ALL_METHODS, dependencies=[ANYBODY])
