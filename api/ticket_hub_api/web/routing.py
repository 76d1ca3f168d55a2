"""Routes of the protocol."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.convertors import StringConvertor, register_url_convertor

from ticket_hub_api.response_cache import cacheable

__all__ = ["CACHED", "READ_METHODS", "HubRoute", "hub_router"]

READ_METHODS = ["GET", "HEAD"]
"""Of a route that changes nothing."""
CACHED = [Depends(cacheable)]  # for routes that count nothing and look at nothing else


class KindConvertor(StringConvertor):
    """The first name in an address of the protocol; `v1` is the REST API's, which is no kind."""

    regex = "(?!v1/)[^/]+"


register_url_convertor("kind", KindConvertor())


class HubRoute(APIRoute):
    """A route whose endpoint reads its body itself, no more of it than it says."""


def hub_router() -> APIRouter:
    """A router for routes of the protocol, which are no part of the REST API's description."""
    return APIRouter(route_class=HubRoute, include_in_schema=False)
