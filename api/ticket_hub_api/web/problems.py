"""Errors of the REST API as problem details (RFC 9457), with the remedy beside the problem.

One table gives every error of the core its status. The Hub protocol keeps its own form of errors
(`ticket_hub_api.errors`), since its clients read that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from ticket_hub import errors
from ticket_hub_api.catalog.paging import CursorError
from ticket_hub_api.errors import ApiError

__all__ = [
    "STATUS",
    "Problem",
    "answers",
    "headers_of",
    "phrase_of",
    "problem_of",
    "problem_response",
    "speaks_problems",
]

MEDIA_TYPE = "application/problem+json"
STATUS: Mapping[type[errors.TicketHubError], int] = {
    errors.TicketHubError: 500,
    errors.RecipeError: 422,
    errors.NetworkError: 422,
    errors.PluginError: 500,
    errors.DataError: 500,
    errors.DataNotFoundError: 404,
    errors.DataCorruptError: 500,
    errors.PruningError: 422,
    errors.MaskMismatchError: 422,
    errors.ScoreError: 422,
    errors.LayerCollapseError: 422,
    errors.TrainingError: 500,
    errors.DivergedError: 500,
    errors.MemoryLimitError: 422,
    errors.StoppedError: 409,
    errors.RunError: 500,
    errors.RunLockedError: 409,
    errors.RunMismatchError: 409,
    errors.EnvironmentMismatchError: 409,
    errors.StorageError: 507,
    errors.BundleError: 422,
    errors.BundleFormatError: 422,
    errors.BundleDigestError: 422,
    errors.SourceMissingError: 422,
    errors.SignatureError: 422,
    errors.ImportRefusedError: 422,
    errors.ExportError: 422,
    errors.TicketNotFoundError: 404,
    errors.EvidenceError: 422,
    errors.NotReproducedError: 422,
    errors.EngineError: 503,
    errors.WorkLostError: 500,
    errors.HubError: 400,
    errors.HubNotFoundError: 404,
    errors.HubAccessError: 403,
    errors.HubConflictError: 409,
    errors.HubUnavailableError: 503,
    CursorError: 422,
}
"""Kind of error -> the status that it is answered with; the nearest parent counts."""
_RETRY = {503: {"Retry-After": "2"}, 507: {"Retry-After": "60"}}
_REMEDIES = {
    400: "Correct the request.",
    401: "Send a valid token as `Authorization: Bearer ...`; an operator gives one with "
    "`ticket hub token create`.",
    403: "Ask the owner, or an operator, for the right to do this.",
    404: "Check the name; what is private is shown to its owner and members only.",
    405: "docs/api.md lists what each address understands.",
    409: "Look at what is there now, then decide.",
    413: "Send less.",
    416: "Ask for a range inside the file.",
    422: "Correct what the errors name; docs/api.md says what is allowed.",
    429: "Wait as long as Retry-After says, then try again.",
    503: "Try again in a few seconds.",
}
_ASK_OPERATOR = "Ask the operator, who finds the details in the log."
_PHRASES = {
    413: "Content Too Large",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
_TITLES = {401: "No valid token", 413: "Too large", 422: "Not valid", 507: "Disk full"}
_NAMED: Mapping[type[errors.TicketHubError], str] = {
    errors.RecipeError: "Recipe not possible",
    errors.NetworkError: "Network not possible",
    errors.PluginError: "Plugin cannot be imported",
    errors.DataError: "Data not usable",
    errors.PruningError: "Mask not possible",
    errors.ScoreError: "Scores not finite",
    errors.TrainingError: "Training cannot go on",
    errors.RunError: "Run not usable",
    errors.StorageError: "File not written",
    errors.BundleError: "Bundle not sound",
    errors.EvidenceError: "Evidence not usable",
    errors.EngineError: "Engine not available",
    errors.HubError: "Refused by the hub",
    errors.HubNotFoundError: "Not found",
    errors.HubAccessError: "Not allowed",
    errors.HubConflictError: "Conflict",
    errors.HubUnavailableError: "Not available",
    CursorError: "Cursor not known",
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What went wrong, for people and for programs.

    Attributes:
        type: what kind of problem; stable, for programs.
        title: the same for people.
        status: of HTTP.
        detail: what is wrong this time.
        remedy: what can be done about it.
        errors: for a request that is not valid: where, and why.
    """

    type: str
    title: str
    status: int
    detail: str
    remedy: str
    errors: list[dict[str, str]] = field(default_factory=list)


def speaks_problems(request: Request) -> bool:
    """Whether this address is part of the REST API, or tells of the service's health."""
    path = request.url.path
    return path.startswith("/api/v1/") or path in {"/healthz", "/readyz", "/metrics"}


def problem_of(error: Exception) -> Problem:
    """The problem that an error means."""
    if isinstance(error, RequestValidationError):
        found = [
            {
                "where": ".".join(str(part) for part in item["loc"])[:200],
                "problem": str(item["msg"]),
            }
            for item in error.errors()[:20]
        ]
        return _problem(422, "The request is not valid.", errors=found)
    if isinstance(error, ApiError):
        return _problem(error.status, error.message)
    if isinstance(error, errors.TicketHubError):
        kind = next(kind for kind in type(error).__mro__ if kind in STATUS)
        name = kind.__name__.removesuffix("Error")
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower().split()
        return Problem(
            type="urn:ticket-hub:" + "-".join(words),
            title=_NAMED.get(kind) or " ".join(words).capitalize(),
            status=STATUS[kind],
            detail=error.problem,
            remedy=error.remedy,
        )
    return _problem(500, "Something went wrong inside the hub.")


def phrase_of(status: int) -> str:
    """What a status is called, the same with every version of Python."""
    return _PHRASES.get(status) or HTTPStatus(status).phrase


def _problem(status: int, detail: str, **more: Any) -> Problem:  # noqa: ANN401 - further fields
    phrase = _TITLES.get(status) or phrase_of(status)
    return Problem(
        type="urn:ticket-hub:" + "-".join(phrase.lower().split()),
        title=phrase,
        status=status,
        detail=detail,
        remedy=_REMEDIES.get(status, _ASK_OPERATOR),
        **more,
    )


def headers_of(error: Exception) -> dict[str, str]:
    """What the answer to an error says in its headers."""
    own = error.headers if isinstance(error, ApiError) else {}
    return {**_RETRY.get(problem_of(error).status, {}), **own}


def problem_response(request: Request, error: Exception) -> JSONResponse:
    """The answer to an error."""
    problem = problem_of(error)
    headers = headers_of(error)
    body = asdict(problem)
    if not problem.errors:
        del body["errors"]
    content = None if request.method == "HEAD" else body
    return JSONResponse(content, problem.status, headers, media_type=MEDIA_TYPE)


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route's description says of these refusals, each with an example."""
    details = {
        400: "The files of ann/lenet are not on this hub; it only knows of them.",
        401: "Invalid credentials in Authorization header",
        403: "This needs a token with the scope 'write'.",
        404: "Repository not found",
        409: "Somebody else changed it in between.",
        413: "The body is larger than 1048576 bytes.",
        416: "There is no such part of the file.",
        422: "The request is not valid.",
        429: "Too many requests.",
        503: "The hub's database is busy.",
    }
    return {
        status: {
            "description": phrase_of(status),
            "model": Problem,
            "content": {MEDIA_TYPE: {"example": asdict(_problem(status, details[status]))}},
        }
        for status in statuses
    }
