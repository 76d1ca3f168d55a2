"""`ticket best`."""

from __future__ import annotations

from typing import Any

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.output import CommandOutput, command_line, passed_over, percent

NO_CONTROLS = "no controls"
COLUMNS = [
    Column("ticket", "TICKET"),
    Column("network", "NETWORK"),
    Column("dataset", "DATA SET"),
    Column("density", "WEIGHTS LEFT", percent, right=True),
    Column("span", "TEST ACCURACY", right=True),
    Column("counted", "N", right=True),
    Column("against", "TESTED AGAINST"),
    Column("word", "VERDICT"),
]


@options.command(
    "best",
    "ticket best --dataset mnist --density 0.05",
    "ticket best --network lenet-300-100 --hub /mnt/lab/tickets",
    "ticket best --dataset digits --format csv",
)
@click.option("--dataset", help="Name of the data set, such as mnist.")
@click.option("--network", help="Name of the network, such as lenet-300-100.")
@click.option(
    "--density", type=click.FloatRange(0, 1, min_open=True), help="At most so much is kept."
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@options.hub_option
@options.output_options
def command(
    dataset: str | None,
    network: str | None,
    density: float | None,
    limit: int,
    hub: str | None,
    out: CommandOutput,
) -> None:
    """List the best tickets of a hub, those that were tested beside controls first.

    Accuracies are means of n runs with 95% intervals; of tickets that nobody has trained beside
    controls with the range over the tickets. These are marked so, and come last.
    """
    from ticket_hub.hub.best import best_tickets

    found = best_tickets(
        dataset=dataset,
        network=network,
        density=density,
        hub=hub,
        limit=limit,
        report=passed_over,
    )
    rows = [_row(vars(each)) for each in found]
    out.table(rows, COLUMNS, name="ticket")
    if rows:
        out.hint(
            f"Have the first with {command_line('ticket', 'pull', rows[0]['ticket'], hub=hub)}."
        )
    else:
        out.hint("Nothing fits. Ask for less, or look on another hub with --hub.")


def _row(standing: dict[str, Any]) -> dict[str, Any]:
    from ticket_hub.evidence.counts import count_text

    mean, low, high = (standing[key] for key in ("accuracy", "low", "high"))
    known = low is not None and high is not None
    return standing | {
        "span": f"{percent(mean)} ({percent(low)} to {percent(high)})" if known else percent(mean),
        "counted": count_text(standing["n"], standing["tickets"]),
        "against": ", ".join(standing["controls"]) or NO_CONTROLS,
        "word": standing["verdict"] or "none",
    }
