"""`ticket hub webhook`: who is told of pushes and verdicts."""

from __future__ import annotations

import datetime as dt

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.hub_options import CommandGroup, HubSettings, operation, with_hub
from ticket_hub_cli.options import EndsWithExamples
from ticket_hub_cli.output import CommandOutput

__all__ = ["webhook"]


@click.group(
    "webhook",
    cls=CommandGroup,
    epilog="ticket hub webhook add https://hooks.example.org/tickets --owner lab",
)
def webhook() -> None:
    """Add, list and remove webhooks, and see what became of their deliveries."""


@webhook.command(
    "add",
    cls=EndsWithExamples,
    epilog="ticket hub webhook add https://hooks.example.org/tickets --owner lab --event verdict",
)
@click.argument("url")
@click.option("--owner", default="", help="Whose repositories.  [default: all of the hub]")
@click.option(
    "--event",
    "events",
    type=click.Choice(["push", "verdict"]),
    multiple=True,
    default=("push", "verdict"),
    help="Of what it is told; may be given again.  [default: all]",
)
@options.output_options
@with_hub
def add_webhook(
    url: str, owner: str, events: tuple[str, ...], out: CommandOutput, hub: HubSettings
) -> None:
    """Add a webhook; its host must be one of TICKET_HUB_WEBHOOK_HOSTS.

    The secret that deliveries are signed with is shown this once.
    """
    made = operation().add_webhook(hub, url, owner=owner, events=events)
    out.record(made, name="id")
    out.hint("Give the secret to whoever receives the deliveries: docs/operating.md says how.")


@webhook.command("list", cls=EndsWithExamples, epilog="ticket hub webhook list --format json")
@options.output_options
@with_hub
def list_webhooks(out: CommandOutput, hub: HubSettings) -> None:
    """List webhooks, without their secrets."""
    columns = [
        Column("id", "ID"),
        Column("owner", "OWNER", lambda owner: owner or "all"),
        Column("url", "ADDRESS"),
        Column("events", "EVENTS", ", ".join),
    ]
    out.table(operation().list_webhooks(hub), columns, name="id")


@webhook.command(
    "deliveries",
    cls=EndsWithExamples,
    epilog="ticket hub webhook deliveries 5f0c2d1e9b7a4c3d8e6f1a2b",
)
@click.argument("webhook_id", metavar="ID")
@options.output_options
@with_hub
def list_deliveries(webhook_id: str, out: CommandOutput, hub: HubSettings) -> None:
    """List the last deliveries of a webhook, the newest first."""
    columns = [
        Column("created_at", "WHEN", _moment),
        Column("event", "EVENT"),
        Column("state", "STATE"),
        Column("tries", "TRIES", right=True),
        Column("status", "ANSWER", lambda status: str(status or "-"), right=True),
        Column("problem", "PROBLEM"),
    ]
    out.table(operation().list_deliveries(hub, webhook_id), columns, name="id")


@webhook.command(
    "remove", cls=EndsWithExamples, epilog="ticket hub webhook remove 5f0c2d1e9b7a4c3d8e6f1a2b"
)
@click.argument("webhook_id", metavar="ID")
@options.output_options
@with_hub
def remove_webhook(webhook_id: str, out: CommandOutput, hub: HubSettings) -> None:
    """Remove a webhook, with what is on its way to it."""
    operation().remove_webhook(hub, webhook_id)
    out.record({"removed": webhook_id}, name="removed")


def _moment(microseconds: int) -> str:
    return dt.datetime.fromtimestamp(microseconds / 1e6).astimezone().strftime("%Y-%m-%d %H:%M:%S")
