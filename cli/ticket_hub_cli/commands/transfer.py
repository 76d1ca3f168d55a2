"""`ticket transfer`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.completing import DATASETS
from ticket_hub_cli.engine_options import EngineChoice, engine_options
from ticket_hub_cli.experiment_options import TERMS, experiment_options, listed
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput, percent
from ticket_hub_cli.pace import Pace
from ticket_hub_cli.progress import showing
from ticket_hub_cli.steps import Steps, TrainedGroup, finish_log, pace_of

if TYPE_CHECKING:
    from ticket_hub.runs import Log
    from ticket_hub.transfer.matrix import Cell, Matrix
    from ticket_hub.transfer.transfer_plan import TransferPlan
    from ticket_hub.transfer.transferring import TransferResult


@options.command(
    "transfer",
    "ticket transfer lenet-mnist:7,15 --datasets fashion-mnist,emnist-letters",
    "ticket transfer lenet-mnist lenet-fashion --levels 7 --datasets mnist,fashion-mnist",
    "ticket transfer ann/lenet:best --datasets digits --set digits:data.validation=200",
)
@click.argument("tickets", type=RUN, nargs=-1, required=True)
@click.option(
    "--datasets",
    type=DATASETS,
    required=True,
    metavar="NAMES",
    help="What to train on; with commas between.",
)
@click.option(
    "--levels", help="Of tickets that name none: 7, 3,7,11, d0.036, all.  [default: best]"
)
@click.option(
    "--own",
    "owns",
    metavar="NAME=ADDRESS",
    multiple=True,
    help="The own ticket of a data set, for the control own; may be given again.",
)
@experiment_options
@engine_options
@options.import_option
@options.output_options
def command(
    tickets: tuple[str, ...],
    datasets: str,
    levels: str | None,
    owns: tuple[str, ...],
    engine: EngineChoice | None,
    out: CommandOutput,
    **given: Any,  # noqa: ANN401 - the options that the library takes as they are
) -> None:
    """Train several tickets on several data sets beside their controls: a transfer matrix.

    Every cell is an experiment as `ticket retrain` makes it. A setting for one data set alone has
    its name before the key: --set digits:data.validation=200. The same command again goes on where
    it was stopped.
    """
    from ticket_hub.evidence.counts import number_of
    from ticket_hub.runs import Log
    from ticket_hub.transfer.terms import Terms
    from ticket_hub.transfer.transfer_plan import plan_transfer

    terms = Terms(**{name: given.pop(name) for name in TERMS})
    own = {}
    for text in owns:
        name, equals, address = text.partition("=")
        if not (name and equals and address):
            raise click.BadParameter(f"{text!r} is not NAME=ADDRESS.", param_hint="--own")
        own[name] = address
    wanted = plan_transfer(tickets, listed(datasets), terms, levels=levels, own=own)
    out.hint(
        f"Training {', '.join(tickets)} on {datasets} against {', '.join(wanted.controls)}, "
        f"{number_of(wanted.cells[0].plan.request.trials, 'trial')}."
    )
    log = Log.of(given.pop("log"), Path(given["run_folder"] or wanted.run_folder))
    if engine is None:
        result = _carry_out(wanted, log, out, given)
    else:
        result = _carry_out_on(engine, wanted, log, out, given)
    for cell in result.matrix.cells:
        facts = {"level": cell.level, "verdict": cell.verdict, "reason": cell.reason}
        log.tell("verdict", **facts, work=f"{cell.ticket} on {cell.data}")
    finish_log(log, result.run)
    _tell(result, out)


def _carry_out(
    wanted: TransferPlan, log: Log, out: CommandOutput, given: dict[str, Any]
) -> TransferResult:
    from ticket_hub.runs import Resources, stop_on_signals
    from ticket_hub.transfer.transferring import carry_out_transfer

    groups = [
        TrainedGroup(len(group), f"{cell.ticket} on {cell.data}, ")
        for cell in wanted.cells
        for group in cell.plan.request.groups()
    ]
    iterations = wanted.cells[0].plan.spec.training.iterations
    pace = pace_of(groups, iterations)
    with (
        stop_on_signals() as should_stop,
        showing(pace, stream=sys.stderr, quiet=out.form == "quiet", log=log) as watcher,
    ):
        resources = Resources(
            observe=watcher.observe, should_stop=should_stop, **given.pop("resources")
        )
        return carry_out_transfer(
            wanted, resources, on_result=Steps(pace, watcher, groups, log).take, **given
        )


def _carry_out_on(
    engine: EngineChoice, wanted: TransferPlan, log: Log, out: CommandOutput, given: dict[str, Any]
) -> TransferResult:
    from ticket_hub.engines.runners import transfer_with

    plans = [cell.plan for cell in wanted.cells]
    networks = sum(len(group) for plan in plans for group in plan.request.groups())
    pace = Pace(1, networks, plans[0].spec.training.iterations, unit="network")
    with engine.working(pace, out, log=log) as followed:
        return transfer_with(wanted=wanted, **followed, **given.pop("resources"), **given)


def _tell(result: TransferResult, out: CommandOutput) -> None:
    from ticket_hub.recipe.tables import to_table
    from ticket_hub.report.transfers import report_transfer
    from ticket_hub.transfer.matrix import about_verdicts

    matrix = result.matrix
    if out.form == "json":
        out.json({"run": str(result.run), "matrix": to_table(matrix)})
        return
    if out.form == "quiet":
        out.text(str(result.run))
        return
    if out.form == "human":
        out.table([_row(cell, matrix) for cell in matrix.cells], _columns(matrix), name="ticket")
    else:
        out.json(
            [
                {"ticket": cell.ticket, "data": cell.data, "found_on": cell.found_on, **vars(row)}
                for cell in matrix.cells
                for row in cell.rows
            ]
        )
    for cell in matrix.cells:
        out.tell(f"{cell.ticket}, level {cell.level}, on {cell.data}: {cell.reason}")
    out.tell(about_verdicts(matrix))
    out.tell(f"matrix: {result.run / 'matrix.json'}")
    report_transfer(result.run, result.run / "report", ["png", "html"])
    out.tell(f"figures and page: {result.run / 'report'}")
    out.hint(f"The table is in {result.run} as Markdown and CSV, too.")


def _columns(matrix: Matrix) -> list[Column]:
    from ticket_hub.evidence import Rule

    spans = f"{100 * Rule(margin=matrix.margin, alpha=matrix.alpha).confidence:g}%"
    return [
        Column("ticket", "TICKET"),
        Column("level", "LEVEL", right=True),
        Column("data", "DATA SET"),
        Column("density", "WEIGHTS LEFT", percent, right=True),
        Column("n", "N"),
        Column("accuracy", "TEST ACCURACY % (95%)"),
        *(Column(name, f"MINUS {name.upper()} ({spans})") for name in matrix.controls),
        Column("verdict", "VERDICT"),
    ]


def _row(cell: Cell, matrix: Matrix) -> dict[str, Any]:
    from ticket_hub.evidence import count_text
    from ticket_hub.transfer.tables import interval_text

    own = cell.row()
    assert own is not None, "a cell is about a ticket"
    row: dict[str, Any] = {
        name: getattr(cell, name) for name in ("ticket", "level", "data", "density")
    }
    row["n"] = count_text(cell.n, cell.tickets)
    row["accuracy"] = interval_text(own.accuracy, own.accuracy_low, own.accuracy_high, ".2f")
    for name in matrix.controls:
        each = cell.row(name)
        row[name] = interval_text(each.gain, each.gain_low, each.gain_high, "+.2f") if each else ""
    return row | {"verdict": cell.verdict or "none"}
