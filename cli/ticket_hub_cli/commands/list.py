"""`ticket list`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from ticket_hub.runs.listing import RunResult, RunSummary, list_runs, result_of
from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.output import CommandOutput, gigabytes, percent


def _local(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


COLUMNS = [
    Column("name", "RUN"),
    Column("kind", "KIND"),
    Column("state", "STATE"),
    Column("data", "DATA"),
    Column("progress", "LEVELS", right=True),
    Column("weights", "WEIGHTS LEFT", percent, right=True),
    Column("shown", "BEST TICKET", right=True),
    Column("size", "SIZE", gigabytes, right=True),
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
    """List the runs and experiments on this machine, the latest first.

    Of a search: how far it is, and what its best ticket reaches. Runs that were made elsewhere on
    this machine (--out) are listed, too, unless --runs names a folder.
    """
    found = list_runs(runs, experiments=True)
    rows = [_row(run, result_of(run)) for run in found]
    out.table(rows, COLUMNS, name="name")
    if not found:
        out.hint("There are no runs yet. Begin one with `ticket find digits-quick`.")
    else:
        out.hint("Look closer with `ticket show RUN`; a stopped one goes on with the same command.")


def _shown(result: RunResult) -> str:
    if result.value is None:
        return "-"
    if not result.trained:
        return "not trained"
    text = result.metric.text(result.value)
    return text if result.metric.is_accuracy else f"{result.metric.name} {text}"


def _row(run: RunSummary, result: RunResult) -> dict[str, Any]:
    searched = run.kind == "search"
    return {
        "name": run.path.name,
        "path": run.path,
        "kind": run.kind,
        "state": run.state,
        "recipe": run.recipe,
        "digest": run.digest,
        "network": run.network,
        "data": run.data,
        "trials": run.trials if searched else None,
        "levels": run.levels if searched else None,
        "planned": run.planned if searched else None,
        "progress": f"{run.levels} of {run.planned}" if searched else "-",
        "density": run.density,
        "weights": result.density,
        "metric": result.metric.name,
        "best": result.value,
        "shown": _shown(result),
        "size": result.size,
        "ending": run.ending,
        "bundle": run.bundle,
        "modified": run.modified,
    }
