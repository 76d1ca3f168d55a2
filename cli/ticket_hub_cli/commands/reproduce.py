"""`ticket reproduce`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.exit_codes import SMOKE_RUN
from ticket_hub_cli.output import CommandOutput
from ticket_hub_cli.progress import watching
from ticket_hub_cli.steps import analysing, stepping

if TYPE_CHECKING:
    from ticket_hub.claims import Claim, Reproduction
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
    "ticket reproduce 3 --push ann/lenet --by Ann",
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
@click.option(
    "--push",
    "repo",
    metavar="OWNER/NAME",
    help="Share the tickets, with the result and its experiments as evidence.",
)
@click.option("--by", "who", default="", help="Your name, for what is pushed.")
@options.hub_option
@options.resource_options("Go on with runs that were begun in another environment.")
@options.import_option
@options.output_options
def command(
    claim: str | None,
    budget: str,
    seed: int,
    folder: Path | None,
    repo: str | None,
    hub: str | None,
    who: str,
    out: CommandOutput,
    resources: dict[str, Any],
) -> int:
    """Try a claim of a paper: train what it needs, and say whether it is reproduced.

    Without CLAIM, list those that are packaged. A claim is a number or a name of that list, or a
    .toml file of your own. The same command again goes on where it was stopped; claims share the
    searches that they have in common. With --push the tickets that its first statement is about are
    shared, with what became of the claim on their card.
    """
    from ticket_hub.bundle.reproduction_record import SMOKE, SMOKE_BUDGET
    from ticket_hub.claims import claim_names, load_claim

    if repo is None:
        options.refuse_typed("--push", "who", "hub")
    if repo is not None and budget == SMOKE_BUDGET:
        raise click.UsageError("A smoke run is no verdict, and nothing of it is pushed.")
    if claim is None:
        out.table([_row(load_claim(name)) for name in claim_names()], CLAIMS, name="name")
        out.hint("Try one with `ticket reproduce NUMBER`; `--budget smoke` takes minutes.")
        return 0
    result = _try(load_claim(claim), budget, seed, folder, out, resources)
    _tell(result, out)
    if repo is not None:
        from ticket_hub.claims.pushing import push_reproduction

        pushed = push_reproduction(result, repo, by=who, hub=hub)
        out.hint(f"{pushed.repo} has it now: {pushed.url} (commit {pushed.commit[:12]}).")
    return SMOKE_RUN if result.outcome == SMOKE else 0


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
    from ticket_hub.bundle.reproduction_record import SMOKE

    if out.form == "json":
        from ticket_hub.table import finite

        out.json(finite(result.to_table()))
        return
    if out.form == "quiet":
        out.text(result.outcome)
        return
    out.tell(f"{result.claim.title} ({result.claim.source}).\n")
    statements = result.record.statements
    rows = [
        {
            "says": each.says,
            "n": each.counted,
            "measured": each.amount,
            "above": each.bound,
            "published": each.published_amount,
            "came": each.came,
        }
        for each in statements
    ]
    if result.outcome == SMOKE:
        rows = [row | {"came": "-"} for row in rows]
    out.table(rows, STATEMENTS, name="says")
    terms = f"n = {statements[0].counted}, budget {result.budget}, seed {result.seed}"
    out.tell(f"\n{result.outcome}: {terms}.")
    if result.claim.published:
        out.tell(f"published: {result.claim.published}")
    out.tell(f"result: {result.folder / 'reproduction.json'}")
    out.tell(f"figure: {result.folder / 'statements.png'}")
    for name, run in result.runs.items():
        if name in result.findings:
            out.hint(f"{name}: {run / 'analysis.html'}")
        else:
            out.hint(f"{name}: `ticket report {run}` draws it.")
