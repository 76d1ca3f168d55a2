"""Trouble of every kind has an answer that says what to do, and never a 500."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from ticket_hub.errors import HubError, HubUnavailableError, StorageError, TicketHubError
from ticket_hub_api.accounts import accounts
from ticket_hub_api.app import create_app, scopes_of
from ticket_hub_api.errors import ApiError, error_response
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.blobs import open_blobs
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import migrate

Call = Callable[..., Any]


def answer_to(error: Exception) -> tuple[int, dict[str, str], dict[str, Any]]:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    response = error_response(Request(scope), error)
    return response.status_code, dict(response.headers), json.loads(bytes(response.body))


def test_trouble_has_its_status_and_says_what_to_do() -> None:
    status, headers, body = answer_to(HubUnavailableError("Busy.", "Try again."))
    assert (status, headers["retry-after"], body["error"]) == (503, "2", "Busy. Try again.")
    status, headers, _ = answer_to(StorageError("Disk full.", "Free some."))
    assert (status, headers["retry-after"]) == (507, "60")
    assert answer_to(TicketHubError("Wrong.", "Right it."))[0] == 400


def test_an_accident_tells_nothing_of_its_inside() -> None:
    status, _, body = answer_to(ZeroDivisionError("secret of the inside"))
    assert status == 500
    assert "secret" not in json.dumps(body)


def test_what_callers_send_cannot_break_a_header() -> None:
    _, headers, _ = answer_to(ApiError(400, "a\r\nSet-Cookie: x=1\n\x00ü" + "y" * 2000))
    assert "\n" not in headers["x-error-message"]
    assert len(headers["x-error-message"]) <= 500


def test_a_locked_database_is_said_to_be_busy(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite'}", patience=0.05)
    migrate(database)
    other = sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(HubUnavailableError, match="busy"):
        accounts.add_user(database, "ada")
    other.execute("ROLLBACK")
    other.close()
    accounts.add_user(database, "ada")
    database.close()


def test_readers_go_on_while_somebody_writes(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite'}", patience=0.05)
    migrate(database)
    with database.write():
        assert accounts.account_names(database) == []
    database.close()


def test_a_transaction_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    from ticket_hub_api.store.tables import Account

    database = Database(f"sqlite:///{tmp_path / 'x.sqlite'}")
    migrate(database)

    def fail() -> None:
        with database.write() as session:
            session.add(Account(name="a", key="a", kind="user"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert accounts.account_names(database) == []
    database.close()


def test_a_missing_blob_is_an_error_and_not_an_empty_file(tmp_path: Path) -> None:
    blobs = open_blobs(str(tmp_path), tmp_path / "spool")
    with pytest.raises(StorageError, match="fsck"):
        list(blobs.read("objects/no/thing", 0, 3))


def test_settings_that_cannot_be_are_refused_with_a_remedy() -> None:
    for name, value in (
        ("PART_BYTES", "many"), ("VISIBILITY", "everybody"), ("ENDPOINT", "hub.example.org"),
    ):  # fmt: skip
        with pytest.raises(HubError, match=value):
            Settings.from_environment({f"TICKET_HUB_{name}": value})
    with pytest.raises(HubError, match="TICKET_HUB_VISIBILTY") as caught:
        Settings.from_environment({"TICKET_HUB_VISIBILTY": "private"})
    assert "TICKET_HUB_VISIBILITY" in caught.value.remedy
    # What Kubernetes sets of a service that is called ticket-hub.
    for name in ("SERVICE_HOST", "SERVICE_PORT", "PORT", "PORT_8000_TCP_ADDR"):
        Settings.from_environment({f"TICKET_HUB_{name}": "10.0.0.1"})
    chosen = Settings(part_bytes=5, xet=False, visibility="public", folder=Path("/x"))
    assert Settings.from_environment(chosen.to_environment()) == chosen


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Every method and path of the service."""
    own = Settings(folder=tmp_path_factory.mktemp("routes"))
    prepare(own, host="127.0.0.1", port=1)
    app = create_app(own)
    app.state.services.close()
    return sorted(
        (method, route.path_format) for route, _ in scopes_of(app) for method in route.methods or ()
    )


PIECES = st.one_of(
    st.text(max_size=12), st.sampled_from(["main", "models", "..", "%2F", "0" * 40, "0" * 64, "-1"])
)
FIELDS = st.sampled_from(
    ["name", "type", "organization", "private", "visibility", "files", "path", "size", "objects",
     "oid", "operation", "transfers", "tag", "startingPoint", "content", "key", "value", "gated",
     "parts", "partNumber", "etag", "fromRepo", "toRepo", "hash_algo", "gitIgnore", "message"]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(FIELDS, inner, max_size=3)
    ),
    max_leaves=8,
)
QUERY = st.dictionaries(
    st.sampled_from(["limit", "cursor", "sort", "expand", "filter", "p", "recursive", "search"]),
    st.text(max_size=8), max_size=3,
)  # fmt: skip


CAREFREE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=CAREFREE)
def test_no_request_makes_the_service_stumble(
    call: Call, routes: list[tuple[str, str]], repository: str, data: st.DataObject
) -> None:
    make_a_request(call, routes, repository, data)


@pytest.mark.slow
@pytest.mark.timeout(900)
@given(st.data())
@settings(max_examples=5000, deadline=None, suppress_health_check=CAREFREE)
def test_five_thousand_requests_do_not_make_it_stumble(
    call: Call, routes: list[tuple[str, str]], repository: str, data: st.DataObject
) -> None:
    make_a_request(call, routes, repository, data)


def make_a_request(
    call: Call, routes: list[tuple[str, str]], repository: str, data: st.DataObject
) -> None:
    """Any method and path of the service, with any query and body."""
    method, path = data.draw(st.sampled_from(routes))
    namespace, name = repository.split("/")
    known = {"{namespace}": namespace, "{name}": name, "{kind}": "models", "{revision}": "main"}
    while "{" in path:
        begin, stop = path.index("{"), path.index("}") + 1
        part = path[begin:stop]
        given_piece = data.draw(PIECES)
        chosen = known.get(part, given_piece) if data.draw(st.booleans()) else given_piece
        path = path[:begin] + (quote(chosen, safe="%") or "x") + path[stop:]
    query = "&".join(f"{k}={quote(v)}" for k, v in data.draw(QUERY).items())
    body = data.draw(
        st.one_of(
            st.binary(max_size=60),
            st.dictionaries(FIELDS, VALUES, max_size=5).map(lambda v: json.dumps(v).encode()),
        )
    )
    answer = call(method, f"{path}?{query}", body)
    assert answer.status < 500 or answer.status == 501, (method, path, query, body, answer.body)
