"""Finding the route that is meant without trying all of them: a hub has a hundred."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.convertors import PathConvertor
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Receive, Scope, Send

__all__ = ["ByShape"]

Shape = tuple[str | None, ...]
MAX_SHAPES = 2048
_PARAMETER = re.compile(r"{(\w+)}")


class ByShape(BaseRoute):
    """Stands for many routes, and picks the first of them that takes a request, as a router would.

    Addresses are told apart by their shape: how many segments they have, and which of these are
    words that occur in routes. Only what can match a shape is tried, in the routes' own order; that
    is found out once for each shape. A request that no route takes is left to the router, which
    knows how to refuse it.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        """Stand for these routes, in the order in which they are tried."""
        self._patterns = [(route, _pattern(route), _takes_slashes(route)) for route in routes]
        self._words = frozenset(word for _, pattern, _ in self._patterns for word in pattern)
        self._longest = max((len(pattern) for _, pattern, _ in self._patterns), default=0)
        self._known: dict[Shape, tuple[Route, ...]] = {}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The first route that takes the request, if there is one."""
        if scope["type"] == "http" and not scope.get("root_path"):
            for route in self._candidates(scope["path"]):
                match, child_scope = route.matches(scope)
                if match is Match.FULL:
                    child_scope["route"] = route
                    return match, child_scope
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route that was picked answer."""
        await scope["route"].handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        """Names belong to the routes themselves."""
        raise NoMatchFound(name, path_params)

    def _candidates(self, path: str) -> tuple[Route, ...]:
        # A pattern's end matches before a last line break, too. What is longer than any pattern
        # keeps its rest in one piece, so that there are only so many shapes.
        segments = path.removesuffix("\n").split("/", self._longest)
        words = self._words
        shape = tuple([segment if segment in words else None for segment in segments])
        found = self._known.get(shape)
        if found is None:
            found = self._find(shape)
            if len(self._known) >= MAX_SHAPES:
                self._known.clear()
            self._known[shape] = found
        return found

    def _find(self, shape: Shape) -> tuple[Route, ...]:
        return tuple(
            route
            for route, pattern, longer in self._patterns
            if (len(pattern) == len(shape) or (longer and len(pattern) < len(shape)))
            and all(word in {None, segment} for word, segment in zip(pattern, shape, strict=False))
        )


def _pattern(route: Route) -> Shape:
    """The segments of a route's path; None for one that varies. A last rest is one segment."""
    segments = route.path_format.split("/")
    return tuple(None if "{" in segment else segment for segment in segments)


def _takes_slashes(route: Route) -> bool:
    *before, last = route.path_format.split("/")
    kinds = route.param_convertors
    if any(isinstance(kinds[n], PathConvertor) for s in before for n in _PARAMETER.findall(s)):
        raise RuntimeError(f"only the last segment of {route.path} may hold slashes")
    return any(isinstance(kinds[name], PathConvertor) for name in _PARAMETER.findall(last))
