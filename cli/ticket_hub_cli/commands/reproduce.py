"""`ticket reproduce`."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.output import CommandOutput
from ticket_hub_cli.progress import watching
from ticket_hub_cli.steps import analysing, stepping

if TYPE_CHECKING:
    from ticket_hub.claims import Claim, Decided, Reproduction, Statement
    from ticket_hub.claims.reproduce import Work

CLAIMS = [
    Column("number", "NUMBER", right=True),
    Column("name", "NAME"),
    Column("claim", "CLAIM"),
    Column("budgets", "BUDGETS"),
]
STATEMENTS = [
    Column("says", "STATEMENT"),
    Column("n", "N"),
    Column("measured", "MEASURED (95%)"),
    Column("above", "CLAIMED"),
    Column("published", "PUBLISHED"),
    Column("came", "SHOWN"),
]


@options.command(
    "reproduce",
    "ticket reproduce",
    "ticket reproduce 4",
    "ticket reproduce reinit-degrades --budget smoke",
    "ticket reproduce ./our-paper.toml --budget cpu --seed 100",
)
@click.argument("claim", required=False)
@click.option("--budget", default="cpu", show_default=True, help="How long to train, by name.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the first trial.")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the result.  [default: in TICKET_HOME, named by claim, budget and seed]",
)
@options.resource_options("Go on with runs that were begun in another environment.")
@options.import_option
@options.output_options
def command(
    claim: str | None,
    budget: str,
    seed: int,
    folder: Path | None,
    out: CommandOutput,
    resources: dict[str, Any],
) -> None:
    """Try a claim of a paper: train what it needs, and say whether it is reproduced.

    Without CLAIM, list those that are packaged. A claim is a number or a name of that list, or a
    .toml file of your own. The same command again goes on where it was stopped; claims share the
    searches that they have in common.
    """
    from ticket_hub.claims import claim_names, load_claim

    if claim is None:
        out.table([_row(load_claim(name)) for name in claim_names()], CLAIMS, name="name")
        out.hint("Try one with `ticket reproduce NUMBER`; `--budget smoke` takes minutes.")
        return
    _tell(_try(load_claim(claim), budget, seed, folder, out, resources), out)


def _row(claim: Claim) -> dict[str, Any]:
    return {
        "number": claim.number,
        "name": claim.name,
        "claim": claim.title,
        "source": claim.source,
        "budgets": list(claim.budgets),
    }


def _try(
    claim: Claim,
    budget: str,
    seed: int,
    folder: Path | None,
    out: CommandOutput,
    resources: dict[str, Any],
) -> Reproduction:
    from ticket_hub.claims import reproduce
    from ticket_hub.runs import stop_on_signals

    with stop_on_signals() as should_stop:
        return reproduce(
            claim,
            budget=budget,
            seed=seed,
            folder=folder,
            tell=out.hint,
            follow=partial(_follow, quiet=out.form == "quiet"),
            should_stop=should_stop,
            **resources,
        )


@contextlib.contextmanager
def _follow(work: Work, *, quiet: bool) -> Iterator[Mapping[str, Any]]:
    """Show how far it is, as `ticket find`, `ticket retrain` and `ticket analyze` do."""
    from ticket_hub.analysis.running import AnalysisPlan
    from ticket_hub.recipe import Recipe
    from ticket_hub.runs import Log

    if isinstance(work, Recipe):
        with watching(work, stream=sys.stderr, quiet=quiet) as watcher:
            yield {
                "observe": watcher.observe,
                "notify": watcher.notify,
                "on_level": watcher.level,
            }
    elif isinstance(work, AnalysisPlan):
        with analysing(work, quiet=quiet) as (watcher, take):
            yield {
                "observe": watcher.observe,
                "notify": watcher.notify,
                "on_finding": take,
            }
    else:
        with stepping(work, Log.of((), work.run_folder), quiet=quiet) as (watcher, steps):
            yield {
                "observe": watcher.observe,
                "notify": watcher.notify,
                "on_result": steps.take,
            }


def _tell(result: Reproduction, out: CommandOutput) -> None:
    if out.form == "json":
        from ticket_hub.table import finite

        out.json(finite(result.to_table()))
        return
    if out.form == "quiet":
        out.text(result.outcome)
        return
    out.text(f"{result.claim.title} ({result.claim.source}).\n")
    out.table([_statement(each) for each in result.decided], STATEMENTS, name="says")
    count = _count(result.decided[0])
    out.text(f"\n{result.outcome}: n = {count}, budget {result.budget}, seed {result.seed}.")
    if result.claim.published:
        out.text(f"published: {result.claim.published}")
    out.text(f"result: {result.folder / 'reproduction.json'}")
    for name, run in result.runs.items():
        if name in result.findings:
            out.hint(f"{name}: {run / 'analysis.html'}")
        else:
            out.hint(f"{name}: `ticket report {run}` draws it.")


def _statement(each: Decided) -> dict[str, Any]:
    unit, form = _unit(each.statement), ".2f" if each.statement.measure == "sooner" else "+.2f"
    if each.statement.analysis and not unit:
        form = "+.3g"
    found, published = each.interval, each.statement.published
    known = math.isfinite(found.low) and math.isfinite(found.high)
    spread = f" ({found.low:{form}} to {found.high:{form}})" if known else " (spread not known)"
    return {
        "says": each.statement.says,
        "n": _count(each),
        "measured": f"{found.mean:{form}}{unit}{spread}",
        "above": f"above {each.statement.above:g}{unit}",
        "published": "-" if published is None else f"{published:{form}}{unit}",
        "came": "yes" if each.shown else "the opposite" if each.opposed else "no",
    }


def _unit(statement: Statement) -> str:
    from ticket_hub.analysis.registry import find_analysis

    if statement.analysis:
        return find_analysis(statement.analysis).measures[statement.measure.partition(".")[2]].unit
    return "x" if statement.measure == "sooner" else " points"


def _count(decided: Decided) -> str:
    """Such as `5 tickets, 3 reinitializations each`."""
    from ticket_hub.evidence.counts import drawn_text

    found, sides = decided.contrast, decided.statement.sides
    drawn = max(
        zip((found.draws, found.draws_other), (sides[0], sides[-1]), strict=True),
        key=lambda each: each[0],
    )
    return drawn_text(found.n, found.tickets, drawn[1].network, drawn[0])
