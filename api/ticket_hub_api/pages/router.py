"""Routes of pages: declared like those of the hub protocol, and told apart by their tag."""

from __future__ import annotations

from fastapi import APIRouter

from ticket_hub_api.web.routing import READ_METHODS, HubRoute

__all__ = ["READ_METHODS", "TAG", "page_router"]

TAG = "pages"


def page_router() -> APIRouter:
    """A router for pages, which are no part of the REST API's description."""
    return APIRouter(route_class=HubRoute, include_in_schema=False, tags=[TAG])
