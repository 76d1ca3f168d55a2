"""Errors of the REST API: one table, complete, and one form."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from ticket_hub import errors
from ticket_hub_api.errors import ApiError
from ticket_hub_api.web.problems import STATUS, problem_of, problem_response


def kinds(kind: type[errors.TicketHubError]) -> Iterator[type[errors.TicketHubError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


def request(method: str = "GET") -> Request:
    return Request({"type": "http", "method": method, "path": "/api/v1/x", "headers": []})


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_of_the_core_has_a_status(name: str) -> None:
    assert getattr(errors, name) in STATUS


def test_no_error_of_the_service_is_without_one() -> None:
    own = [kind for kind in kinds(errors.TicketHubError) if kind.__module__.startswith("ticket_")]
    assert {kind.__name__ for kind in own if problem_of(kind("a", "b")).status >= 600} == set()
    assert len(own) >= len(errors.__all__)


@pytest.mark.parametrize("kind", list(STATUS))
def test_a_problem_has_detail_and_remedy_apart(kind: type[errors.TicketHubError]) -> None:
    answer = problem_response(request(), kind("It is broken.", "Mend it."))
    body = json.loads(bytes(answer.body))
    assert answer.headers["content-type"] == "application/problem+json"
    assert (body["status"], body["detail"], body["remedy"]) == (
        STATUS[kind],
        "It is broken.",
        "Mend it.",
    )
    assert body["type"].startswith("urn:ticket-hub:")
    assert body["title"]


def test_what_nobody_foresaw_tells_nothing() -> None:
    body = json.loads(bytes(problem_response(request(), ValueError("secret")).body))
    assert body["status"] == 500
    assert "secret" not in json.dumps(body)


def test_busy_says_when_to_come_back() -> None:
    busy = errors.HubUnavailableError("Busy.", "Try again.")
    assert problem_response(request(), busy).headers["retry-after"]


def test_a_refusal_of_the_service_keeps_its_headers() -> None:
    answer = problem_response(request(), ApiError(401, "No.", headers={"WWW-Authenticate": "x"}))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "x")


def test_what_is_not_valid_is_named_but_not_repeated() -> None:
    error = RequestValidationError([{"loc": ("query", "limit"), "msg": "too big", "input": "s3"}])
    body = json.loads(bytes(problem_response(request(), error).body))
    assert body["errors"] == [{"where": "query.limit", "problem": "too big"}]
    assert "s3" not in json.dumps(body)
