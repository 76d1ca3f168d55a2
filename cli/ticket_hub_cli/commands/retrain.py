"""`ticket retrain`."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticket_hub.home import runs_folder
from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.completing import DATASET
from ticket_hub_cli.engine_options import EngineChoice, engine_options
from ticket_hub_cli.experiment_options import TERMS, experiment_options
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput, command_line, percent
from ticket_hub_cli.pace import Pace
from ticket_hub_cli.steps import finish_log, stepping

if TYPE_CHECKING:
    from ticket_hub.runs import Log
    from ticket_hub.transfer.planning import Plan
    from ticket_hub.transfer.retraining import RetrainResult


def _interval(bounds: tuple[float, float, float] | None, form: str) -> str:
    if bounds is None:
        return ""
    mean, low, high = (100 * bound for bound in bounds)
    known = math.isfinite(low) and math.isfinite(high)
    return f"{mean:{form}}" + (f" ({low:{form}} to {high:{form}})" if known else "")


COLUMNS = [
    Column("level", "LEVEL", right=True),
    Column("density", "WEIGHTS LEFT", percent, right=True),
    Column("network", "NETWORK"),
    Column("counted", "N"),
    Column("accuracies", "TEST ACCURACY % (95%)", lambda value: _interval(value, ".2f")),
    Column("early_stop", "EARLY STOP", ",.0f", right=True),
    Column("gains", "TICKET MINUS IT ({spans})", lambda value: _interval(value, "+.2f")),
    Column("sooner", "SOONER", lambda value: "" if value is None else f"{value:.2f}x", right=True),
    Column("verdict", "VERDICT"),
]


@options.command(
    "retrain",
    "ticket retrain digits-quick",
    "ticket retrain lenet-mnist:7 --dataset fashion-mnist --against reinit,shuffle,random,dense",
    "ticket retrain lenet-mnist:all --trials 5 --set training.iterations=20000",
    "ticket retrain ann/lenet@v1:best --dataset folder:./mine --hub https://tickets.example.org",
)
@click.argument("ticket", type=RUN)
@click.option(
    "--dataset",
    type=DATASET,
    help="What to train on.  [default: what the ticket was found on]",
)
@click.option(
    "--own",
    metavar="ADDRESS",
    help="The target's own ticket, for the control own: the same network, found on the same data.",
)
@experiment_options
@engine_options
@options.import_option
@options.output_options
def command(
    ticket: str,
    dataset: str | None,
    own: str | None,
    engine: EngineChoice | None,
    out: CommandOutput,
    **given: Any,  # noqa: ANN401 - the options that the library takes as they are
) -> None:
    """Train a ticket beside its controls, and say what the evidence supports.

    A level is named behind a colon: a number, several (:3,7,11), a density (:d0.036), :all, or
    :best. Ticket and controls of a trial see the same examples in the same order and have the same
    budget. The same command again goes on where it was stopped; more levels, controls or trials go
    on in the same folder.
    """
    from ticket_hub.evidence.counts import number_of
    from ticket_hub.hub.address import split_level
    from ticket_hub.hub.builtin import stays_as_it_is
    from ticket_hub.runs import Log
    from ticket_hub.transfer.planning import plan
    from ticket_hub.transfer.terms import Terms

    terms = Terms(**{name: given.pop(name) for name in TERMS})
    wanted = plan(ticket, terms, dataset=dataset, own=own)
    levels = f"level{'s' * (len(wanted.request.levels) > 1)} {_listed(wanted.request.levels)}"
    out.hint(
        f"Training {wanted.spec.data.name} with {levels} of {split_level(ticket)[0]} against "
        f"{_listed(wanted.request.controls)}, {number_of(wanted.request.trials, 'trial')}."
    )
    log = Log.of(given.pop("log"), Path(given["run_folder"] or wanted.run_folder))
    if engine is None:
        result = _carry_out(wanted, log, out, given)
    else:
        result = _carry_out_on(engine, wanted, log, out, given)
    for level in result.levels:
        log.tell(
            "verdict", level=level.level, verdict=level.verdict.word, reason=level.verdict.reason
        )
    finish_log(log, result.run)
    _tell(result, out)
    if out.form == "human":
        from ticket_hub.report.runs import report_run

        report_run(result.run, forms=["png", "html"])
        out.text(f"figures: {result.run / 'report'}")
        _advise(result, ticket, out, pulled=stays_as_it_is(wanted.source.bundle.path))


def _carry_out(wanted: Plan, log: Log, out: CommandOutput, given: dict[str, Any]) -> RetrainResult:
    from ticket_hub.runs import Resources, stop_on_signals
    from ticket_hub.transfer.retraining import carry_out

    with (
        stop_on_signals() as should_stop,
        stepping(wanted, log, quiet=out.form == "quiet") as (watcher, steps),
    ):
        resources = Resources(
            observe=watcher.observe, should_stop=should_stop, **given.pop("resources")
        )
        return carry_out(wanted, resources, on_result=steps.take, **given)


def _carry_out_on(
    engine: EngineChoice, wanted: Plan, log: Log, out: CommandOutput, given: dict[str, Any]
) -> RetrainResult:
    from ticket_hub.engines.runners import retrain_with

    networks = sum(len(group) for group in wanted.request.groups())
    pace = Pace(1, networks, wanted.spec.training.iterations, unit="network")
    with engine.working(pace, out, log=log) as followed:
        return retrain_with(wanted=wanted, **followed, **given.pop("resources"), **given)


def _tell(result: RetrainResult, out: CommandOutput) -> None:
    from ticket_hub.transfer.tables import rows

    table = [dataclasses.asdict(row) for row in rows(result.levels)]
    verdicts = {level.level: level.verdict for level in result.levels}
    if out.form == "json":
        evidence = {str(level): verdict.summary() for level, verdict in verdicts.items()}
        out.json({"run": result.run, "rows": _finite(table), "verdicts": evidence})
        return
    if out.form == "quiet":
        out.text(str(result.run))
        return
    columns = [
        dataclasses.replace(each, title=each.heading.format(spans=result.levels[0].spans))
        for each in COLUMNS
    ]
    shown = [row | _spans(row) for row in table] if out.form == "human" else table
    out.table(shown, columns, name="network")
    for level, verdict in verdicts.items():
        out.tell(f"level {level}: {verdict.reason}")
        if _needed(verdict):
            out.tell(
                f"level {level}: about {verdict.trials_needed} trials would decide, if the "
                "differences stay as they are."
            )
    out.tell(f"evidence: {result.run / 'evidence.json'}")


def _advise(result: RetrainResult, ticket: str, out: CommandOutput, *, pulled: bool) -> None:
    from ticket_hub.hub.address import split_level
    from ticket_hub.recipe.experiment_spec import start_note
    from ticket_hub.transfer.level_evidence import notes_of

    needed = [_needed(level.verdict) for level in result.levels]
    if max(needed) > result.levels[0].verdict.n:
        out.hint(f"More trials go on in the same folder: the same command, --trials {max(needed)}.")
    for note in notes_of(
        result.levels,
        result.rule,
        test_examples=result.test_examples,
        iterations_in_all=result.iterations_in_all,
        start=start_note(result.spec),
    ):
        out.hint(note)
    out.hint(f"The table is in {result.run} as Markdown and CSV, too.")
    if not pulled:
        run = result.run.name if result.run.parent == runs_folder() else result.run
        words = [split_level(ticket)[0], "OWNER/NAME", "--with-evidence", run]
        out.hint(f"Share the ticket with this evidence: {command_line('ticket', 'push', *words)}.")


def _needed(verdict: Any) -> int:  # noqa: ANN401 - of the core, which is imported late
    """How many trials would decide; 0 where that is not known, or no number would."""
    judged = any(each.control == "dense" for each in verdict.comparisons)
    return verdict.trials_needed or 0 if judged else 0


def _spans(row: dict[str, Any]) -> dict[str, Any]:
    from ticket_hub.evidence.counts import drawn_text

    gain = None if row["gain"] is None else (row["gain"], row["gain_low"], row["gain_high"])
    accuracies = (row["accuracy"], row["accuracy_low"], row["accuracy_high"])
    counted = drawn_text(row["n"], row["tickets"], row["network"], row["draws"])
    return {"accuracies": accuracies, "gains": gain, "counted": counted}


def _finite(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """JSON knows no infinity: an unknown bound becomes null."""
    return [
        {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in row.items()
        }
        for row in table
    ]


def _listed(names: tuple[Any, ...]) -> str:
    return ", ".join(map(str, names))
