"""What commands show of a bundle: levels, experiments, costs and claims, as rows and as tables."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

from ticket_hub.table import Column
from ticket_hub_cli.output import CommandOutput, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticket_hub.bundle import ExperimentRecord, Manifest
    from ticket_hub.bundle.manifest_records import LevelRecord, Spread

__all__ = [
    "EXPERIMENTS",
    "LEVELS",
    "claim_lines",
    "cost_table",
    "experiment_rows",
    "experiment_table",
    "level_columns",
    "level_row",
]


def _accuracy(spread: dict[str, float] | None) -> str:
    if spread is None:
        return "-"
    low, high = percent(spread["min"]), percent(spread["max"])
    return f"{percent(spread['mean'])} ({low} to {high})"


def _tickets(measured: int) -> str:
    """Of how many a level's accuracy is; none of an imported one was measured here."""
    from ticket_hub.evidence import count_text

    return count_text(measured, measured) if measured else "-"


def _iterations(spread: dict[str, float] | None) -> str:
    if spread is None:
        return "-"
    return f"{spread['mean']:,.0f} ({spread['min']:,.0f} to {spread['max']:,.0f})"


LEVELS = [
    Column("level", "LEVEL", right=True),
    Column("density", "WEIGHTS LEFT", percent, right=True),
    Column("n", "N", _tickets, right=True),
    Column("test_accuracy", "TEST ACCURACY (RANGE)", _accuracy),
    Column("early_stop", "EARLY STOP (RANGE)", _iterations),
    Column("verdict", "VERDICT", lambda value: value or "-"),
]
EXPERIMENTS = [
    Column("data", "DATA"),
    Column("level", "LEVEL", right=True),
    Column("network", "NETWORK"),
    Column("density", "WEIGHTS LEFT", percent, right=True),
    Column("counted", "N"),
    Column("measured", "TEST ACCURACY", right=True),
    Column("gained", "TICKET MINUS IT", right=True),
    Column("verdict", "VERDICT"),
    Column("by", "BY"),
]


def cost_table(rows: list[dict[str, Any]], out: CommandOutput) -> None:
    """What was measured of the tickets, each with its machine."""
    if rows:
        from ticket_hub.bundle.card_costs import FORM_COLUMNS

        out.text("\nWhat they cost (milliseconds are of the machine that is named):\n")
        place = [Column("level", "LEVEL", right=True)]
        out.table(rows, [*place, *FORM_COLUMNS, Column("where", "ON")], name="form")


def claim_lines(lines: Sequence[str], out: CommandOutput) -> None:
    """Say what became of the claims that were tried with these tickets."""
    if lines:
        out.text("\nClaims tried with these tickets:\n")
    for line in lines:
        out.text(line)


def level_columns(manifest: Manifest) -> list[Column]:
    """The columns of levels, in the words and numbers of what was measured."""
    from ticket_hub.recipe.own import read_at

    metric, found = manifest.metric, list(LEVELS)
    stop = next(place for place, each in enumerate(found) if each.key == "early_stop")
    title = read_at(stops_early=manifest.stops_early).upper()
    found[stop] = Column("early_stop", f"{title} (RANGE)", _iterations)
    found[stop:stop] = [
        Column("measured", name.upper(), partial(_number, name)) for name in manifest.measured_names
    ]
    if metric.is_accuracy:
        return found

    def shown(spread: dict[str, float] | None) -> str:
        """A mean with its range."""
        if spread is None:
            return "-"
        mean, low, high = (metric.number(spread[key]) for key in ("mean", "min", "max"))
        return f"{mean} ({low} to {high})"

    title = f"{metric.heading.upper()} (RANGE)"
    return [
        Column(each.key, title, shown) if each.key == "test_accuracy" else each for each in found
    ]


def _number(name: str, measured: dict[str, dict[str, float]]) -> str:
    """Another number of an author's own loop: its mean."""
    return f"{measured[name]['mean']:.4g}" if name in measured else "-"


def experiment_rows(records: Sequence[ExperimentRecord]) -> list[dict[str, Any]]:
    """Evidence that was made elsewhere: a row for each experiment, level and network."""
    if not records:
        return []  # and no statistics, which need NumPy
    from ticket_hub.bundle.card_experiments import record_rows, whereabouts

    return [
        {
            "data": record.spec.data_name,
            **dataclasses.asdict(row),
            "metric": record.spec.metric.name,
            "measured": record.spec.metric.text(row.accuracy),
            "gained": record.spec.metric.interval(row.gain, None, None, signed=True),
            "by": record.who,
            "where": whereabouts(record),
            "when": record.when,
            "experiment": record.spec.digest,
        }
        for record in records
        for row in record_rows(record)
    ]


def experiment_table(rows: list[dict[str, Any]], out: CommandOutput) -> None:
    """Show them to people, under a line of their own."""
    if rows:
        from ticket_hub.evidence.counts import drawn_text

        rows = [
            row | {"counted": drawn_text(row["n"], row["tickets"], row["network"], row["draws"])}
            for row in rows
        ]
        out.text("\nOther experiments with these tickets:\n")
        own = {row["metric"] for row in rows} - {"accuracy"}
        titles = {"measured": "ON TEST", "gained": "TICKET BETTER BY"} if own else {}
        columns = [
            dataclasses.replace(each, title=titles.get(each.key, each.title))
            for each in EXPERIMENTS
        ]
        out.table(rows, columns, name="experiment")


def level_row(level: LevelRecord) -> dict[str, Any]:
    """One level for people and for JSON."""
    evidence = level.evidence
    return {
        "level": level.index,
        "density": level.density,
        "n": evidence.n if evidence else 0,
        "tickets": evidence.n if evidence else 0,
        "test_accuracy": _spread(evidence.test_accuracy) if evidence else None,
        "early_stop": _spread(evidence.early_stop) if evidence else None,
        "verdict": level.verdict,
        **({"stops_early": False} if evidence and not evidence.stops_early else {}),
        "measured": {name: _spread(each) for name, each in evidence.measured.items()}
        if evidence
        else {},
    }


def _spread(spread: Spread) -> dict[str, float]:
    return {"mean": spread.mean, "min": spread.min, "max": spread.max}
