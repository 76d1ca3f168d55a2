"""`ticket search`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.completing import DATASET
from ticket_hub_cli.output import COST_COLUMNS, CommandOutput, command_line, passed_over, percent

if TYPE_CHECKING:
    from ticket_hub.hub.query import SearchHit


def _best(best: dict[str, Any]) -> str:
    """`93.10%`, `101.2 per word perplexity`; a dash where nothing was measured."""
    from ticket_hub.recipe.own import Metric

    named = {key: value for key, value in best.items() if key not in {"value", "trained"}}
    metric = Metric(named.pop("name"), **named)
    if best["value"] is None:
        return "-" if best["trained"] else "not trained"
    text = metric.text(best["value"])
    return text if metric.is_accuracy else f"{metric.name} {text}"


def _replayed(replays: dict[str, int]) -> str:
    from ticket_hub.signing.replays import ReplaySummary

    return ReplaySummary(**replays).sentence or "-"


COLUMNS = [
    Column("ticket", "TICKET"),
    Column("network", "NETWORK"),
    Column("dataset", "DATA SET"),
    Column("trials", "TRIALS", right=True),
    Column("levels", "LEVELS", lambda levels: str(len(levels)), right=True),
    Column("least_density", "SPARSEST", percent, right=True),
    Column("best", "BEST", _best, right=True),
]
REPLAYS = Column("replays", "REPLAYED", _replayed)


@options.command(
    "search",
    "ticket search",
    "ticket search lenet --dataset mnist --density 0 0.05",
    "ticket search --verdict winning --sort accuracy --hub /mnt/lab/tickets",
    "ticket search --sort speedup --max-ms 5",
    "ticket search --owner ann --format json",
)
@click.argument("text", required=False)
@options.hub_option
@click.option("--network", help="Name of the network, such as lenet-300-100.")
@click.option("--dataset", type=DATASET, help="Name of the data set, such as mnist.")
@click.option("--density", nargs=2, type=click.FloatRange(0, 1), help="From and to.")
@click.option("--accuracy", nargs=2, type=click.FloatRange(0, 1), help="From and to, in [0, 1].")
@click.option(
    "--verdict",
    type=click.Choice(["winning", "matching", "not distinguishable", "losing"]),
    help="Of a level, by the search's own curves or by an experiment with its tickets.",
)
@click.option("--metric", help="What was measured, such as accuracy or 'RMSE (m)'.")
@click.option("--owner", help="First part of OWNER/NAME.")
@click.option(
    "--max-ms",
    type=click.FloatRange(0, min_open=True),
    help="Of a forward pass, where it was measured.",
)
@click.option(
    "--max-size", type=click.IntRange(1), metavar="BYTES", help="Of the weights, where measured."
)
@click.option(
    "--sort",
    type=click.Choice(
        ["updated", "accuracy", "best", "density", "name", "replays", "size", "speedup"]
    ),
    default="updated",
    show_default=True,
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@options.output_options
def command(out: CommandOutput, hub: str | None, sort: Any, limit: int, **wanted: Any) -> None:  # noqa: ANN401 - the fields of a Query
    """Find tickets on a hub.

    TEXT is a part of a name: of the ticket, network, data set or recipe. A ticket is listed with
    the levels that fit the ranges. --sort best needs one --metric to sort by. What a ticket costs
    is shown where somebody has measured it, of its quickest form, with the machine: milliseconds
    of different machines do not compare.
    """
    from ticket_hub.hub.front import search_hub
    from ticket_hub.hub.query import Query

    query = Query(**wanted)
    found = search_hub(query, hub=hub, sort=sort, limit=limit, report=passed_over)
    rows = [_row(each) for each in found]
    replayed = [REPLAYS] * any(row["replays"]["others"] for row in rows)
    measured = COST_COLUMNS if any(row["cost"] for row in rows) and out.form == "human" else []
    out.table(rows, [*COLUMNS, *replayed, *measured], name="ticket")
    if rows:
        known = next((row["ticket"] for row in rows if "/" in row["ticket"]), None)
        verb = "info" if known else "show"
        look = command_line("ticket", verb, known or rows[0]["ticket"], hub=hub)
        out.hint(f"Look at one with {look}.")
    else:
        out.hint("Nothing fits. Ask for less, or look on another hub with --hub.")


def _row(found: SearchHit) -> dict[str, Any]:
    return {
        "ticket": found.repo,
        "commit": found.commit,
        "network": found.network,
        "dataset": found.dataset,
        "recipe": found.recipe,
        "trials": found.trials,
        "levels": [
            {
                "level": each.index,
                "density": each.density,
                "test_accuracy": (
                    each.evidence.test_accuracy.mean
                    if each.evidence and found.metric.is_accuracy
                    else None
                ),
                "value": each.evidence.test_accuracy.mean if each.evidence else None,
                "verdict": each.verdict,
                "retrained": each.index in found.retrained,
            }
            for each in found.levels
        ],
        "least_density": found.least_density,
        "best_accuracy": found.best_accuracy or None,
        "replays": dataclasses.asdict(found.replays),
        "best": {**vars(found.metric), "value": found.best, "trained": found.is_trained},
        "cost": dataclasses.asdict(found.cost) if found.cost else None,
    }
