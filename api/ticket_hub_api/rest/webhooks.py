"""`/api/v1/webhooks`: who is told of pushes and verdicts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict, Field

from ticket_hub_api.rest.routing import rest_router
from ticket_hub_api.services import services_of
from ticket_hub_api.web.problems import answers
from ticket_hub_api.web.requests import Reader, Writer
from ticket_hub_api.webhooks import hooks
from ticket_hub_api.webhooks.hooks import Delivery, EventName, WebhookView

__all__ = ["router"]

router = rest_router("/api/v1/webhooks", "webhooks")
WebhookId = Annotated[str, Path(pattern="^[0-9a-f]{24}$", examples=["5f0c2d1e9b7a4c3d8e6f1a2b"])]


class WebhookIn(BaseModel):
    """A webhook to be: the address, whose repositories (empty for all of the hub), and events."""

    model_config = ConfigDict(extra="forbid")
    url: Annotated[str, Field(max_length=2000, examples=["https://hooks.example.org/tickets"])]
    owner: Annotated[str, Field(max_length=96, examples=["lab"])] = ""
    events: Annotated[list[EventName], Field(min_length=1, max_length=2)] = ["push", "verdict"]


@router.post("", status_code=201, responses=answers(400, 401, 403, 404, 422, 429, 503))
def add_webhook(request: Request, caller: Writer, asked: WebhookIn) -> WebhookView:
    """Add a webhook; the answer has the secret that deliveries are signed with, this once.

    Only for who administers the owner; and only to hosts that the operator has named.
    """
    services = services_of(request)
    return services.database.transact(
        lambda session: hooks.add_webhook(
            session,
            services.settings,
            caller,
            url=asked.url,
            owner=asked.owner,
            events=asked.events,
        )
    )


@router.get("", responses=answers(401, 403, 422, 429, 503))
def list_webhooks(request: Request, caller: Reader) -> list[WebhookView]:
    """The webhooks that the caller administers, without their secrets."""
    database = services_of(request).database
    return database.transact(lambda session: hooks.webhooks_of(session, caller))


@router.get("/{webhook_id:identifier}/deliveries", responses=answers(401, 403, 404, 422, 429, 503))
def list_deliveries(request: Request, caller: Writer, webhook_id: WebhookId) -> list[Delivery]:
    """The last hundred deliveries of a webhook, the newest first, and what became of each."""
    database = services_of(request).database
    return database.transact(lambda session: hooks.deliveries_of(session, caller, webhook_id))


@router.delete(
    "/{webhook_id:identifier}",
    status_code=204,
    responses=answers(401, 403, 404, 422, 429, 503),
)
def remove_webhook(request: Request, caller: Writer, webhook_id: WebhookId) -> None:
    """Remove a webhook, with what is on its way to it."""
    database = services_of(request).database
    database.transact(lambda session: hooks.remove_webhook(session, caller, webhook_id))
