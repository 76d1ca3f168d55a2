"""`ticket cite`."""

from __future__ import annotations

import dataclasses

import click

from ticket_hub_cli import options
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput


@options.command(
    "cite",
    "ticket cite ann/lenet",
    "ticket cite digits-quick > tickets.bib",
    "ticket cite ann/lenet@v1 --hub /mnt/lab/tickets",
)
@click.argument("ticket", type=RUN)
@options.hub_option
@options.output_options
def command(ticket: str, hub: str | None, out: CommandOutput) -> None:
    """Print how to cite tickets, as BibTeX with commit and digest.

    The entries of the papers whose method found them follow. What is on this machine is read there;
    OWNER/NAME that was not pulled is asked of the hub.
    """
    from ticket_hub.runs.citing import cite_bundle

    found = cite_bundle(ticket, hub=hub)
    if out.form == "human":
        out.text(found.bibtex)
    else:
        out.record(dataclasses.asdict(found), name="id")
