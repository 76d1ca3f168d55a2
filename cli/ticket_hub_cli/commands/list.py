"""`ticket list`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from ticket_hub.runs import list_runs
from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.output import CommandOutput, percent


def _local(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


COLUMNS = [
    Column("name", "RUN"),
    Column("state", "STATE"),
    Column("trials", "TRIALS", right=True),
    Column("progress", "LEVELS", right=True),
    Column("density", "WEIGHTS LEFT", percent, right=True),
    Column("modified", "LAST STEP", _local),
]


@options.command(
    "list",
    "ticket list",
    "ticket list -q",
    "ticket list --runs /shared/runs --format json",
)
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of runs.  [default: runs in TICKET_HOME]",
)
@options.output_options
def command(runs: Path | None, out: CommandOutput) -> None:
    """List the runs on this machine and how far each is, the latest first."""
    found = list_runs(runs)
    rows = [
        {
            "name": run.path.name,
            "path": run.path,
            "state": run.state,
            "recipe": run.recipe,
            "digest": run.digest,
            "trials": run.trials,
            "levels": run.levels,
            "planned": run.planned,
            "progress": f"{run.levels} of {run.planned}",
            "density": run.density,
            "ending": run.ending,
            "bundle": run.bundle,
            "modified": run.modified,
        }
        for run in found
    ]
    out.table(rows, COLUMNS, name="name")
    if not found:
        out.hint("There are no runs yet. Begin one with `ticket find digits-quick`.")
    else:
        out.hint("Look closer with `ticket show RUN`; a stopped one goes on with `ticket find`.")
