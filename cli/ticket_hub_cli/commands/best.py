"""`ticket best`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.completing import DATASET
from ticket_hub_cli.output import COST_COLUMNS, CommandOutput, command_line, passed_over, percent

if TYPE_CHECKING:
    from ticket_hub.bundle.standings import Standing

NO_CONTROLS, NOT_TRAINED = "no controls", "not trained"
COLUMNS = [
    Column("ticket", "TICKET"),
    Column("network", "NETWORK"),
    Column("dataset", "DATA SET"),
    Column("density", "WEIGHTS LEFT", percent, right=True),
    Column("span", "ON TEST", right=True),
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
@click.option("--dataset", type=DATASET, help="Name of the data set, such as mnist.")
@click.option("--network", help="Name of the network, such as lenet-300-100.")
@click.option(
    "--density", type=click.FloatRange(0, 1, min_open=True), help="At most so much is kept."
)
@click.option(
    "--metric", default="accuracy", show_default=True, help="What was measured, with its unit."
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@options.hub_option
@options.output_options
def command(
    dataset: str | None,
    network: str | None,
    density: float | None,
    metric: str,
    limit: int,
    hub: str | None,
    out: CommandOutput,
) -> None:
    """List the best tickets of a hub, those that were tested beside controls first.

    Values are means of n runs with 95% intervals; of tickets that nobody has trained beside
    controls with the range over the tickets. These are marked so, and come last; behind them those
    that nobody has trained, whose search only scored their first values.
    """
    from ticket_hub.hub.best import best_tickets

    found = best_tickets(
        dataset=dataset,
        network=network,
        density=density,
        metric=metric,
        hub=hub,
        limit=limit,
        report=passed_over,
    )
    rows = [_row(each) for each in found]
    measured = COST_COLUMNS if out.form == "human" and any(each.cost for each in found) else []
    out.table(rows, [*COLUMNS, *measured], name="ticket")
    if rows:
        out.hint(
            f"Have the first with {command_line('ticket', 'pull', rows[0]['ticket'], hub=hub)}."
        )
    else:
        out.hint("Nothing fits. Ask for less, or look on another hub with --hub.")


def _row(standing: Standing) -> dict[str, Any]:
    from ticket_hub.evidence.counts import count_text

    metric, cost = standing.metric, standing.cost
    texts = [metric.text(standing.value)]
    if standing.low is not None and standing.high is not None:
        texts.append(f"({metric.text(standing.low)} to {metric.text(standing.high)})")
    return vars(standing) | {
        "accuracy": standing.accuracy,
        "metric": vars(metric),
        "cost": None if cost is None else vars(cost),
        "span": " ".join(texts),
        "counted": count_text(standing.n, standing.tickets),
        "against": ", ".join(standing.controls if standing.trained else [NOT_TRAINED])
        or NO_CONTROLS,
        "word": standing.verdict or "none",
    }
