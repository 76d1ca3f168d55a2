"""`ticket show`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.output import CommandOutput, command_line, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticket_hub.bundle import Bundle, ExperimentRecord, Manifest
    from ticket_hub.bundle.manifest import LevelRecord, Spread


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
LAYERS = [
    Column("layer", "LAYER"),
    Column("kind", "KIND"),
    Column("size", "WEIGHTS", ",", right=True),
    Column("kept", "KEPT", ",", right=True),
    Column("density", "WEIGHTS LEFT", percent, right=True),
    Column("note", ""),
]


@options.command(
    "show",
    "ticket show digits-quick",
    "ticket show digits-quick:best",
    "ticket show ./bundle:d0.036 --format json",
)
@click.argument("ticket", type=options.RUN)
@options.import_option
@options.output_options
def command(ticket: str, out: CommandOutput) -> None:
    """Describe the tickets of a run or a bundle, or one level by layers.

    The test accuracies are those at the early stop, the first minimum of the validation loss. A
    level is named behind a colon: a number, a density such as d0.036, or best.
    """
    from ticket_hub.bundle import open_bundle
    from ticket_hub.hub.cache import Cache
    from ticket_hub.runs.locate import locate

    place = locate(ticket, cache=Cache())
    bundle = open_bundle(place.bundle)
    if place.level is None:
        _show_bundle(bundle, ticket.removesuffix(":"), out)
    else:
        _show_level(bundle.manifest, bundle.level(place.level), out)


def _show_bundle(bundle: Bundle, name: str, out: CommandOutput) -> None:
    from ticket_hub.bundle.card_costs import cost_rows, slower_forms
    from ticket_hub.bundle.plugin_records import plugin_lines, plugin_notes
    from ticket_hub.bundle.unknown import unknown_parts
    from ticket_hub.signing.replays import replays_of

    manifest, default, metric = bundle.manifest, bundle.manifest.default, bundle.manifest.metric
    levels = [level_row(each) for each in manifest.levels]
    experiments = experiment_rows(bundle.experiments())
    records = bundle.costs()
    costs = cost_rows(records, manifest)
    claims = [each.line for each in bundle.reproductions()]
    facts = {
        "id": manifest.id,
        "bundle": bundle.path,
        "network": manifest.architecture.name,
        "data": manifest.data.name,
        "recipe": manifest.recipe.name,
        "trials": len(manifest.trials),
        "default": f"level {default.level}, trial {default.trial} ({default.rule})",
    }
    unknown = unknown_parts(manifest)
    whole, thin = _whole(manifest), _thin(manifest)
    signature, replays = _signature(bundle), replays_of(bundle.path, manifest.id)
    if manifest.own is not None:
        facts |= {"trained": manifest.own.sentence}
    needs = plugin_lines(manifest.plugins)
    if out.form == "human":
        noted = {"not known": ", ".join(unknown)} if unknown else {}
        noted |= {"signature": signature} if signature else {}
        noted |= {"replays": replays.sentence} if replays.others else {}
        noted |= {"needs": ", ".join(needs)} if needs else {}
        noted |= {"never pruned": ", ".join(whole)} if whole else {}
        out.record(facts | noted, name="id")
        out.text("")
        out.table(levels, _columns(manifest), name="level")
        experiment_table(experiments, out)
        _cost_table(costs, out)
        claim_lines(claims, out)
        for sentence in [*slower_forms(records), *thin, *plugin_notes(manifest.plugins)]:
            out.hint(sentence)
        look = command_line("ticket", "show", f"{name}:{default.level}")
        out.hint(f"One level by layers: {look}.")
    else:
        out.record(
            facts
            | {"digest": manifest.recipe.digest, "levels": levels, "experiments": experiments}
            | {"claims": claims}
            | {"metric": metric.name, "costs": costs, "signature": signature or None}
            | {"replays": dataclasses.asdict(replays)}
            | {"unknown": list(unknown), "never_pruned": whole, "thin_layers": thin}
            | {"needs": needs, "notes": plugin_notes(manifest.plugins)},
            name="id",
        )


def _signature(bundle: Bundle) -> str:
    """Who signed it, as a sentence; empty where nobody did."""
    from ticket_hub.bundle.layout import SIGNATURE
    from ticket_hub.errors import SignatureError
    from ticket_hub.signing.model_signature import check_signature
    from ticket_hub.signing.trust import known_keys

    if not (bundle.path / SIGNATURE).exists():
        return ""
    try:
        found = check_signature(bundle.path, known_keys(), partial=True)
    except SignatureError as error:
        return f"NOT VALID: {error.problem}"
    return found.sentence if found else ""


def _cost_table(rows: list[dict[str, Any]], out: CommandOutput) -> None:
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


def _columns(manifest: Manifest) -> list[Column]:
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


def _whole(manifest: Manifest) -> list[str]:
    """The layers that keep all their weights in every ticket, where others have lost some."""
    kept = [ticket.kept for level in manifest.levels for ticket in level.tickets]
    whole = [
        layer.name
        for place, layer in enumerate(manifest.layers)
        if all(counts[place] == layer.size for counts in kept)
    ]
    return [] if len(whole) == len(manifest.layers) else whole


def _thin(manifest: Manifest) -> list[str]:
    """A sentence for each layer of the sparsest level that is near collapse or far below it."""
    from ticket_hub.pruning.coverage import thin_layers
    from ticket_hub.types import PrunableLayer

    level = manifest.levels[-1]
    layers = [PrunableLayer(name=e.name, kind=e.kind, shape=e.shape) for e in manifest.layers]
    least = [min(counts) for counts in zip(*(each.kept for each in level.tickets), strict=True)]
    kept = {layer.name: count for layer, count in zip(layers, least, strict=True)}
    found = thin_layers(layers, kept)
    return [f"Level {level.index}: {about}" for about in found.values()]


def _show_level(manifest: Manifest, level: LevelRecord, out: CommandOutput) -> None:
    from ticket_hub.pruning.coverage import layer_note

    whole = _whole(manifest)
    tickets = {f"trial {each.trial}": each.id for each in level.tickets}
    layers = [
        {
            "layer": layer.name,
            "kind": layer.kind,
            "size": layer.size,
            "kept": kept,
            "density": kept / layer.size,
            "note": "never pruned"
            if layer.name in whole
            else layer_note(layer.shape, kept, level.density),
        }
        for layer, kept in zip(manifest.layers, level.tickets[0].kept, strict=True)
    ]
    if out.form == "human":
        out.record({"level": level.index, "weights left": percent(level.density)}, name="level")
        out.record(tickets, name="trial 0")
        out.text("")
        out.table(layers, LAYERS, name="layer")
        out.hint(f"Layers are those of trial {level.tickets[0].trial}.")
    elif out.form == "quiet":
        for each in level.tickets:
            out.text(each.id)
    else:
        out.json(level_row(level) | {"tickets": tickets, "layers": layers})


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
