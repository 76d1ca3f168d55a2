"""`ticket tag`."""

from __future__ import annotations

import click

from ticket_hub_cli import options
from ticket_hub_cli.output import CommandOutput, command_line


@options.command(
    "tag",
    "ticket tag ann/lenet v1",
    "ticket tag ann/lenet@0a1b2c3d4e5f60718293a4b5c6d7e8f901234567 paper --hub /mnt/lab/tickets",
)
@click.argument("address", metavar="OWNER/NAME[@REVISION]")
@click.argument("tag")
@options.hub_option
@click.option("-m", "--message", default="", help="What the tag is for.")
@options.output_options
def command(address: str, tag: str, hub: str | None, message: str, out: CommandOutput) -> None:
    """Name a commit for ever, so that a paper can cite it; a tag is never moved."""
    from ticket_hub.hub.front import tag_bundle

    tag_bundle(address, tag, hub=hub, message=message)
    repo = address.partition("@")[0]
    out.record({"address": f"{repo}@{tag}"}, name="address")
    command = command_line("ticket", "pull", f"{repo}@{tag}", hub=hub)
    out.hint(f"Anyone gets exactly this with {command}.")
