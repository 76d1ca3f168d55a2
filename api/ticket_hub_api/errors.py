"""Answers that refuse, in the form in which clients of the Hub protocol read them.

The client library maps `X-Error-Code` to its own exceptions and shows `X-Error-Message`. An unknown
repository and one that the caller may not see get the same answer.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ticket_hub.errors import HubUnavailableError, StorageError, TicketHubError

__all__ = [
    "ApiError",
    "bad_request",
    "conflict",
    "entry_not_found",
    "error_response",
    "forbidden",
    "header_safe",
    "not_supported",
    "repository_not_found",
    "revision_not_found",
    "too_many",
    "unauthorized",
]

_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]+")


class ApiError(Exception):
    """A request that gets no 2xx.

    Attributes:
        status: the HTTP status.
        message: problem and remedy, for a person.
        code: the protocol's name for it, such as `RepoNotFound`, or an empty string.
        headers: further headers of the answer.
        content: further fields of the JSON body.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        headers: dict[str, str] | None = None,
        content: dict[str, object] | None = None,
    ) -> None:
        """Keep everything that the answer needs."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = headers or {}
        self.content = content or {}

    def __reduce__(self) -> tuple[object, ...]:
        """All of it, on its way from one process to another."""
        return _unpickled, (self.status, self.message, self.code, self.headers, self.content)


def _unpickled(
    status: int, message: str, code: str, headers: dict[str, str], content: dict[str, object]
) -> ApiError:
    return ApiError(status, message, code=code, headers=headers, content=content)


def bad_request(message: str) -> ApiError:
    """What was sent cannot be understood or cannot be done."""
    return ApiError(400, message)


def unauthorized(message: str = "Invalid credentials in Authorization header") -> ApiError:
    """No token, or one that is not valid."""
    return ApiError(401, message, headers={"WWW-Authenticate": "Bearer"})


def forbidden(message: str) -> ApiError:
    """The caller is known, and may not do this."""
    return ApiError(403, message)


def too_many(seconds: int, message: str) -> ApiError:
    """The caller has asked too often, and may ask again in so many seconds."""
    return ApiError(429, message, headers={"Retry-After": str(seconds)})


def conflict(message: str, **content: object) -> ApiError:
    """Something of that name exists."""
    return ApiError(409, message, content=content)


def repository_not_found(*, anonymous: bool) -> ApiError:
    """No such repository, or none that the caller may know of."""
    status = 401 if anonymous else 404
    return ApiError(status, "Repository not found", code="RepoNotFound")


def revision_not_found(revision: str) -> ApiError:
    """The repository has no such branch, tag or commit."""
    return ApiError(404, f"Invalid rev id: {revision}", code="RevisionNotFound")


def entry_not_found(path: str, commit: str) -> ApiError:
    """The revision has no such file. The commit is sent, so that clients can remember it."""
    headers = {"X-Repo-Commit": commit}
    return ApiError(404, f"Entry not found: {path}", code="EntryNotFound", headers=headers)


def not_supported(what: str) -> ApiError:
    """A part of the protocol that this service leaves out; docs/protocol.md lists them."""
    return ApiError(501, f"This hub does not support {what}.", code="NotSupported")


def header_safe(text: str) -> str:
    """One line of printable ASCII, whatever a caller put into a name."""
    return _NOT_PRINTABLE.sub("?", text)[:500].strip()


def error_response(request: Request, error: Exception) -> Response:
    """The answer to an error, whichever part of the service raised it."""
    refusal = error if isinstance(error, ApiError) else _translate(error)
    headers = {"X-Error-Message": header_safe(refusal.message), **refusal.headers}
    if refusal.code:
        headers["X-Error-Code"] = refusal.code
    body = {"error": refusal.message, **refusal.content}
    if request.method == "HEAD":
        return Response(status_code=refusal.status, headers=headers)
    return JSONResponse(body, refusal.status, headers)


def _translate(error: Exception) -> ApiError:
    if isinstance(error, HubUnavailableError):
        return ApiError(503, str(error), headers={"Retry-After": "2"})
    if isinstance(error, StorageError):
        return ApiError(507, str(error), headers={"Retry-After": "60"})
    if isinstance(error, TicketHubError):
        return ApiError(400, str(error))
    return ApiError(500, "Something went wrong inside the hub. Its log has the details.")
