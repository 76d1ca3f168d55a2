"""`ticket show`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.bundle_tables import (
    claim_lines,
    cost_table,
    experiment_rows,
    experiment_table,
    level_columns,
    level_row,
)
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput, command_line, percent

if TYPE_CHECKING:
    from ticket_hub.bundle import Bundle, Manifest
    from ticket_hub.bundle.manifest_records import LevelRecord


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
@click.argument("ticket", type=RUN)
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

    manifest, default, metric = bundle.manifest, bundle.default, bundle.manifest.metric
    levels = [level_row(each) for each in manifest.levels]
    experiments = experiment_rows(bundle.experiments())
    records = bundle.costs()
    costs = cost_rows(records, manifest)
    claims = [each.line for each in bundle.reproductions()]
    facts = _facts(bundle)
    unknown = unknown_parts(manifest)
    whole, thin = _whole(manifest), _thin(manifest)
    signature, replays = _signature(bundle), replays_of(bundle.path, manifest.id)
    needs = plugin_lines(manifest.plugins)
    if out.form == "human":
        noted = {"not known": ", ".join(unknown)} if unknown else {}
        noted |= {"signature": signature} if signature else {}
        noted |= {"replays": replays.sentence} if replays.others else {}
        noted |= {"needs": ", ".join(needs)} if needs else {}
        noted |= {"never pruned": ", ".join(whole)} if whole else {}
        out.record(facts | noted, name="id")
        out.text("")
        out.table(levels, level_columns(manifest), name="level")
        experiment_table(experiments, out)
        cost_table(costs, out)
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


def _facts(bundle: Bundle) -> dict[str, Any]:
    """What the bundle says of itself, the most telling first."""
    manifest, default = bundle.manifest, bundle.default
    return {
        "id": manifest.id,
        "bundle": bundle.path,
        "network": manifest.architecture.name,
        "data": manifest.data.name,
        "recipe": manifest.recipe.name,
        "trials": len(manifest.trials),
        "default": f"level {default.level}, trial {default.trial} ({default.rule})",
        **({} if manifest.own is None else {"trained": manifest.own.sentence}),
    }


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
