"""`ticket rm`."""

from __future__ import annotations

from pathlib import Path

import click

from ticket_hub.table import Column
from ticket_hub_cli import options, output
from ticket_hub_cli.output import CommandOutput, gigabytes

COLUMNS = [Column("removed", "REMOVED"), Column("bytes", "BYTES", ",", right=True)]


@options.command(
    "rm",
    "ticket rm digits-quick-1f0c2d3e4a5b",
    "ticket rm ./my-run --yes",
)
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of runs.  [default: runs in TICKET_HOME]",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.output_options
def command(names: tuple[str, ...], runs: Path | None, yes: bool, out: CommandOutput) -> int:
    """Remove runs and experiments of this machine, with their bundles."""
    from ticket_hub.runs.listing import folder_size
    from ticket_hub.runs.removing import find_run, rm_run

    found = {run.path.resolve(): run for run in (find_run(name, runs) for name in names)}
    size = sum(folder_size(run.path) for run in found.values())
    about = ", ".join(run.path.name for run in found.values())
    if not yes and not output.is_sure(
        f"Remove {about} ({gigabytes(size)})? This cannot be undone."
    ):
        output.error("Nothing was removed.", "Answer y, or give --yes where nobody can answer.")
        return 1
    rows = [{"removed": run.path, "bytes": rm_run(run.path)} for run in found.values()]
    out.table(rows, COLUMNS, name="removed")
    return 0
