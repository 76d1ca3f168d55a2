"""`ticket compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ticket_hub_cli import options
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput

if TYPE_CHECKING:
    from ticket_hub.comparison.compared import Compared

FORMATS = ["terminal", "markdown", "csv", "json"]


@options.command(
    "compare",
    "ticket compare digits-quick",
    "ticket compare lenet-mnist retrain-mnist-334d8b365625 retrain-fashion-mnist-d4146af922c5",
    "ticket compare lenet-mnist:7,15 ann/lenet@v1 --html compared.html",
    "ticket compare ./run ./bundle --format json",
    "ticket compare reinit-degrades-cpu-0 ./from-ann/reproduction.json",
)
@click.argument("runs", type=RUN, nargs=-1, required=True, metavar="RUN_OR_TICKET...")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="terminal",
    show_default=True,
    help="Form of the tables on stdout.",
)
@click.option(
    "--html",
    "--out",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one page with figures and tables, which needs no other file.",
)
@options.margin_option
@options.alpha_option
@options.hub_option
@options.import_option
def command(
    runs: tuple[str, ...],
    form: str,
    page: Path | None,
    margin: float,
    alpha: float,
    hub: str | None,
) -> None:
    """Put runs and tickets beside each other, the later ones against the first.

    A RUN_OR_TICKET is a search, an experiment that `ticket retrain` has made, a bundle, or
    owner/name[@revision] on a hub; levels may be named behind a colon. What keeps runs from being
    compared fairly is shown. Differences are paired only where trials saw the same data in the
    same order, and said to be unpaired elsewhere. All that is compared with a control is one
    family, whose verdicts are corrected for their number.

    What `ticket reproduce` has written is compared with its like: tries of one claim, with other
    seeds or on other machines, each with its own verdict, and whether these agree.
    """
    from ticket_hub.comparison import tables
    from ticket_hub.comparison.front import compare
    from ticket_hub.comparison.rows import csv_text
    from ticket_hub.transfer.evidence_of_runs import find_reproduction

    if any(map(find_reproduction, runs)):
        if page is not None:
            raise click.UsageError("Tries of a claim have no page: leave out --html.")
        _show_tries(runs, form)
        return
    compared = compare(runs, hub=hub, margin=margin, alpha=alpha)
    if form == "json":
        CommandOutput("json").json(compared.to_table())
    elif form == "csv":
        click.echo(csv_text(compared), nl=False)
    elif form == "markdown":
        click.echo(tables.markdown(compared), nl=False)
    else:
        _show(compared)
    if page is not None:
        from ticket_hub.report.comparison import write_page

        write_page(compared, page)
        click.echo(f"The page is {page}: open it in a browser.", err=True)


def _show_tries(runs: tuple[str, ...], form: str) -> None:
    from ticket_hub.claims.side_by_side import compare_reproductions

    compared = compare_reproductions(runs)
    if form == "json":
        CommandOutput("json").json(compared.to_table())
        return
    blocks = compared.runs_table(), compared.statements_table()
    if form == "csv":
        click.echo(blocks[1].csv(), nl=False)
        return
    for table in blocks:
        if form == "markdown":
            click.echo(table.markdown())
        else:
            CommandOutput().lines(table)
        click.echo()
    for note in (compared.agreement, *compared.notes):
        click.echo(note)


def _show(compared: Compared) -> None:
    from ticket_hub.comparison import tables

    blocks = [tables.runs_table(compared), tables.between_table(compared)]
    for line in tables.labels(compared):
        click.echo(line)
    for table in blocks:
        if table is not None:
            click.echo()
            CommandOutput().lines(table)
    click.echo()
    for note in tables.notes(compared):
        click.echo(note)
