"""`ticket analyze`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticket_hub.analysis.registry import GROUPS, ORDERS, analyses, find_analysis
from ticket_hub.runs.file_names import ANALYSIS
from ticket_hub_cli import options
from ticket_hub_cli.assignments import settings
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput, percent
from ticket_hub_cli.steps import analysing

if TYPE_CHECKING:
    from ticket_hub.analysis import AnalysisPlan, AnalyzeResult


def _named() -> str:
    """The names that are built in, each group with the name that stands for it."""
    built_in = analyses(plugins=False)
    return ", ".join(
        f"{', '.join(each.name for each in built_in if each.trains == trains)} (together: {group})"
        for trains, group in enumerate(GROUPS)
    )


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The last of several names; plugins' too."""
    del ctx, param
    before, _, last = incomplete.rpartition(",")
    names = [*(each.name for each in analyses()), *GROUPS]
    head = f"{before}," if before else ""
    return [head + name for name in names if name.startswith(last)]


@options.command(
    "analyze",
    "ticket analyze digits-quick",
    "ticket analyze lenet-mnist:7,15 --only quick",
    "ticket analyze lenet-mnist:7 --only overlap --with fashion-lenet:7",
    "ticket analyze lenet-mnist:7 --only interpolation,noise --iterations 2000 --out inside",
)
@click.argument("ticket", type=RUN)
@click.option(
    "--only",
    metavar="NAMES",
    shell_complete=_complete,
    help=f"{_named()}, or your own; with commas between.  [default: all but sanity]",
)
@click.option(
    "--with",
    "others",
    metavar="TICKET",
    multiple=True,
    help="Another ticket of the same network, whose masks are compared; may be given again.",
)
@click.option("--trials", type=click.IntRange(min=1), help="The first so many.  [default: all]")
@click.option(
    "--iterations",
    type=click.IntRange(min=1),
    help="Budget of what is trained: training.iterations.  [default: the recipe's]",
)
@options.set_option
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of whatever is drawn.")
@click.option(
    "--orders",
    type=click.IntRange(min=ORDERS),
    default=ORDERS,
    show_default=True,
    help="Data orders that interpolation trains each start in; every two are a pair.",
)
@options.hub_option
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for page, figures, tables and results.  [default: in TICKET_HOME]",
)
@options.resource_options("Go on with an analysis that was begun in another environment.")
@options.import_option
@options.output_options
def command(
    ticket: str,
    only: str | None,
    others: tuple[str, ...],
    iterations: int | None,
    assignments: tuple[str, ...],
    out: CommandOutput,
    **given: Any,  # noqa: ANN401 - the options that the library takes as they are
) -> None:
    """Look into tickets: masks, units, weights, and how training goes from them.

    A level is named behind a colon: a number, several (:3,7,11), a density (:d0.036), :all, or
    :best. What is found is one page, figures, tables and JSON in a folder; the same command again
    reads what is there and makes the rest.
    """
    from ticket_hub.analysis import plan_analyses

    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    changes = settings(assignments, training__iterations=iterations)
    about = {name: given.pop(name) for name in ("trials", "seed", "orders", "hub")}
    plan = plan_analyses(ticket, only=names, others=others, changes=changes, **about)
    for name, reason in plan.left_out:
        out.hint(f"Left out: {name}, since {reason}.")
    networks = sum(plan.networks(analysis) for analysis, _ in plan.steps)
    if networks:
        out.hint(
            f"Up to {networks} networks train, {plan.iterations:,} iterations "
            "each; what is in the folder is not trained again."
        )
    result = _carry_out(plan, out, given)
    if out.form == "json":
        out.json(json.loads((result.folder / ANALYSIS).read_bytes()))
        return
    if out.form == "quiet":
        out.text(str(result.folder))
        return
    for finding in result.findings:
        sentence = find_analysis(finding.analysis).describe(finding.result)
        level = "dense" if not finding.level else f"level {finding.level}"
        out.tell(f"{finding.analysis}, {level} ({percent(finding.density)} of weights): {sentence}")
    out.tell(f"page: {result.folder / 'analysis.html'}")
    out.hint(f"Figures and tables are in {result.folder}, too.")


def _carry_out(plan: AnalysisPlan, out: CommandOutput, given: dict[str, Any]) -> AnalyzeResult:
    from ticket_hub.analysis import carry_out
    from ticket_hub.runs import Resources, stop_on_signals

    with (
        stop_on_signals() as should_stop,
        analysing(plan, quiet=out.form == "quiet") as (watcher, take),
    ):
        resources = Resources(
            observe=watcher.observe, should_stop=should_stop, **given["resources"]
        )
        return carry_out(plan, resources, folder=given["folder"], on_finding=take)
