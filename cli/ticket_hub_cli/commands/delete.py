"""`ticket delete`."""

from __future__ import annotations

import click

from ticket_hub_cli import options, output
from ticket_hub_cli.output import CommandOutput


@options.command(
    "delete",
    "ticket delete ann/lenet",
    "ticket delete ann/lenet --hub /mnt/lab/tickets --yes",
)
@click.argument("repo", metavar="OWNER/NAME")
@options.hub_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.output_options
def command(repo: str, hub: str | None, yes: bool, out: CommandOutput) -> int:
    """Delete a ticket from a hub with all its commits, for everybody."""
    from ticket_hub.hub.front import delete_bundle

    question = f"Delete {repo} and its history for everybody? This cannot be undone."
    if not yes and not output.is_sure(question):
        output.error("Nothing was deleted.", "Answer y, or give --yes where nobody can answer.")
        return 1
    delete_bundle(repo, hub=hub)
    out.record({"deleted": repo}, name="deleted")
    return 0
