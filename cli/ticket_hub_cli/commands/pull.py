"""`ticket pull`."""

from __future__ import annotations

import click

from ticket_hub_cli import options, output
from ticket_hub_cli.output import CommandOutput, command_line


@options.command(
    "pull",
    "ticket pull ann/lenet",
    "ticket pull builtin:digits",
    "ticket pull ann/lenet@v1:d0.036 --hub https://tickets.example.org",
    "ticket pull ann/lenet --all --format json",
)
@click.argument("address", metavar="OWNER/NAME[@REVISION][:LEVEL]|builtin:NAME")
@options.hub_option
@click.option("--all", "everything", is_flag=True, help="The whole ladder: the same as :all.")
@click.option("--trial", type=int, help="Only this repetition.  [default: all]")
@click.option("--force", is_flag=True, help="Fetch again what is here already.")
@click.option("--local", is_flag=True, help="Never ask the hub.")
@options.import_option
@options.output_options
def command(
    address: str,
    hub: str | None,
    everything: bool,
    trial: int | None,
    force: bool,
    local: bool,
    out: CommandOutput,
) -> None:
    """Fetch tickets from a hub; every byte is checked, pulled before or not.

    Without a level it is the best one: the sparsest whose evidence says winning or matching. Only
    what the chosen tickets need is fetched. A pull that was cut off goes on where it stopped.
    """
    from ticket_hub.hub.builtin import PACKAGED
    from ticket_hub.hub.front import pull_bundle

    wanted = f"{address}:all" if everything and not address.endswith(":all") else address
    pulled = pull_bundle(wanted, hub=hub, trial=trial, force_download=force, local_files_only=local)
    if pulled.repaired:
        out.hint(f"Repaired here: {', '.join(pulled.repaired)}.")
    if not pulled.confirmed and not local:
        output.warning(
            f"The hub could not be asked: this is commit {pulled.commit[:12]}, which it gave the "
            "last time. There may be a newer one.",
            "Pull again when the hub can be reached.",
        )
    out.record(
        {
            "ticket": pulled.repo,
            "commit": pulled.commit,
            "confirmed": pulled.confirmed,
            "levels": pulled.levels,
            "files_fetched": len(pulled.fetched),
            "folder": pulled.folder,
        },
        name="folder",
    )
    packaged = pulled.folder.is_relative_to(PACKAGED)
    place = pulled.repo if packaged else pulled.folder
    again = command_line("ticket", "verify", "--partial", place)
    out.hint(f'In Python: Ticket.load("{place}"). Checked again with {again}.')
