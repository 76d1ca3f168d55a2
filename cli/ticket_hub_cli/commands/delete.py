"""`ticket delete`."""

from __future__ import annotations

import click

from ticket_hub_cli import options
from ticket_hub_cli.output import Output


@options.command(
    "delete",
    "ticket delete ann/lenet",
    "ticket delete ann/lenet --hub /mnt/lab/tickets --yes",
)
@click.argument("repo", metavar="OWNER/NAME")
@options.hub_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.output_options
def command(repo: str, hub: str | None, yes: bool, out: Output) -> None:
    """Delete a ticket from a hub with all its commits, for everybody."""
    from ticket_hub.hub.front import delete_bundle

    if not yes:
        click.confirm(
            f"Delete {repo} and its history for everybody? This cannot be undone.",
            abort=True,
            err=True,
        )
    delete_bundle(repo, hub=hub)
    out.record({"deleted": repo}, name="deleted")
