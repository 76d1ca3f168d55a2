"""The route that is found by an address's shape is the one that trying all in order finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Match, Route

from ticket_hub_api.app import create_app, scopes_of
from ticket_hub_api.matching import MAX_SHAPES, ByShape
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    settings = Settings(folder=tmp_path_factory.mktemp("hub"))
    prepare(settings, host="127.0.0.1", port=1)
    made = create_app(settings)
    yield made
    made.state.services.close()


def asked(method: str, path: str) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": []}


def in_order(routes: list[Any], scope: dict[str, Any]) -> Any:  # noqa: ANN401 - a route or None
    return next((r for r in routes if r.matches(scope)[0] is Match.FULL), None)


def words_of(routes: list[Any]) -> list[str]:
    found = {word for route in routes for word in route.path_format.split("/")}
    return sorted(word for word in found if "{" not in word)


@given(data=st.data(), method=st.sampled_from(METHODS))
def test_every_request_goes_where_trying_all_routes_in_order_sends_it(
    app: FastAPI, data: st.DataObject, method: str
) -> None:
    routes = [route for route, _ in scopes_of(app)]
    like = data.draw(st.sampled_from(routes)).path_format.split("/")
    others = st.sampled_from([*words_of(routes), "x", "0" * 24, "a\nb", "7"])
    segments = [
        data.draw(others) if "{" in word or data.draw(st.integers(0, 9)) == 0 else word
        for word in like[1:]
    ]
    more = data.draw(st.lists(others, max_size=3))
    path = "/" + "/".join([*segments, *more]) + data.draw(st.sampled_from(["", "", "\n"]))
    scope = asked(method, path)
    expected = in_order(routes, scope)
    shortcut = app.routes[0]
    assert isinstance(shortcut, ByShape)
    match, child_scope = shortcut.matches(scope)
    assert match is (Match.FULL if expected else Match.NONE)
    assert child_scope.get("route") is expected
    if expected:
        assert child_scope == expected.matches(scope)[1]


def test_every_route_is_found_by_its_own_pattern(app: FastAPI) -> None:
    for route, _ in scopes_of(app):
        path = route.path_format.replace("{kind}", "models")
        scope = asked(min(route.methods or ()), path)
        expected = in_order([each for each, _ in scopes_of(app)], scope)
        assert app.routes[0].matches(scope)[1].get("route") is expected


def test_what_is_no_request_is_left_to_the_router(app: FastAPI) -> None:
    assert app.routes[0].matches({"type": "websocket", "path": "/"})[0] is Match.NONE


async def nothing(request: object) -> None:
    """Never called."""


def test_slashes_in_the_middle_are_refused() -> None:
    with pytest.raises(RuntimeError, match="last segment"):
        ByShape([Route("/a/{rest:path}/b", nothing)])


def test_only_so_many_shapes_are_remembered() -> None:
    words = [f"w{number}" for number in range(60)]
    routes = [Route("/{a}/{b}", nothing), *(Route(f"/{word}", nothing) for word in words)]
    shortcut = ByShape(routes)
    for first in words:
        for second in words:
            assert shortcut.matches(asked("GET", f"/{first}/{second}"))[0] is Match.FULL
            assert len(shortcut._known) <= MAX_SHAPES
