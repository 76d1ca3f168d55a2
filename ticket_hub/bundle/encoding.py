"""The bytes of a manifest, and back: one spelling, its own digest, every value checked."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ticket_hub.bundle import layout, strict
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import (
    EvidenceSummary,
    FileRecord,
    LevelRecord,
    NetworkRecord,
    Spread,
)
from ticket_hub.bundle.plugin_records import are_possible
from ticket_hub.bundle.stand_in import HEAD_BYTES, stand_in
from ticket_hub.bundle.unknown import UNKNOWN_FINGERPRINT, without_placeholders
from ticket_hub.durable import canonical_json
from ticket_hub.errors import BundleFormatError, RecipeError
from ticket_hub.patterns import SHA256, TENSOR
from ticket_hub.recipe import recipe_of, rules, tables
from ticket_hub.recipe.own import Metric, are_names, is_own

__all__ = ["bundle_id", "decode", "encode"]


def encode(manifest: Manifest) -> bytes:
    """The bytes of `ticket.json`.

    Sorted keys, one line for each item of the top tables, and under `digest` the sha256 of the
    canonical JSON of all the rest, so that no byte can change unseen.

    Raises:
        BundleFormatError: a value that `decode` would refuse.
    """
    checked = _manifest(_table(manifest))  # whole numbers become fractions where one is due
    data = _spelled(_table(checked))
    if len(data) > layout.MAX_MANIFEST_BYTES or decode(data) != manifest:
        raise _broken("it would not be read as it was written, or is too large")
    return data


def decode(data: bytes | bytearray) -> Manifest:
    """The manifest from the bytes of `ticket.json`.

    Raises:
        BundleFormatError: another format, an unknown or missing key, an impossible value, a wrong
            digest, or another spelling than `encode` gives.
    """
    try:
        table = strict.parse(data, source=layout.MANIFEST)
    except BundleFormatError as error:
        found = stand_in(bytes(data[:HEAD_BYTES]))
        if found is None:
            raise
        raise BundleFormatError(f"{layout.MANIFEST} is {found.what}.", found.remedy) from error
    if not isinstance(table, dict):
        raise _broken("it is not a table")
    if type(table.get("format")) is not int or table["format"] != layout.FORMAT:
        raise BundleFormatError(
            f"This bundle is not of format {layout.FORMAT}.",
            "A newer Ticket Hub may read it.",
        )
    stated = table.pop("digest", None)
    manifest = _manifest(table)
    if stated != _digest(table) or _spelled(table) != data:
        raise _broken("its digest or its spelling is not the one that was written")
    return without_placeholders(manifest)


def bundle_id(
    network: NetworkRecord, fingerprint: str | None, levels: Iterable[LevelRecord]
) -> str:
    """The sha256 over network, data and the ids of all tickets."""
    parts = {
        "network": tables.to_table(network),
        "data": fingerprint or UNKNOWN_FINGERPRINT,
        "tickets": [[each.index, t.trial, t.id] for each in levels for t in each.tickets],
    }
    return hashlib.sha256(canonical_json(parts)).hexdigest()


def _table(manifest: Manifest) -> dict[str, Any]:
    table = {"format": layout.FORMAT, **tables.to_table(manifest)}
    if not manifest.family:
        del table["family"]  # as bundles were written before
    if not manifest.plugins:
        del table["plugins"]
    for key in ("own", "reference"):
        if getattr(manifest, key) is None:
            del table[key]
    return table


def _digest(table: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(table)).hexdigest()


def _spelled(table: dict[str, Any]) -> bytes:
    table = {**table, "digest": _digest(table)}
    lines = [f"{json.dumps(key)}: {_spell(table[key])}" for key in sorted(table)]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _spell(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict) and value:
        items = [f" {json.dumps(key)}: {_compact(value[key])}" for key in sorted(value)]
        return "{\n" + ",\n".join(items) + "\n}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f" {_compact(item)}" for item in value) + "\n]"
    return _compact(value)


def _compact(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return canonical_json(value).decode()


def _manifest(table: dict[str, Any]) -> Manifest:
    parts = {key: value for key, value in table.items() if key != "format"}
    try:
        if isinstance(parts.get("recipe"), Mapping):
            parts["recipe"] = recipe_of(parts["recipe"])
        manifest = tables.build(Manifest, parts)
    except RecipeError as error:
        raise _broken(error.problem) from error
    except (ValueError, TypeError, OverflowError) as error:
        raise _broken("a value of the recipe cannot be") from error
    _check(manifest)
    return manifest


def _check(manifest: Manifest) -> None:
    network, files = manifest.architecture, manifest.files
    found = bundle_id(network, manifest.data.fingerprint, manifest.levels)
    trials = [trial.index for trial in manifest.trials]
    levels = [level.index for level in manifest.levels]
    carried = [level.index for level in manifest.levels if level.tickets]
    for holds, reason in (
        (manifest.id == found, "its id is not that of its content"),
        (_is_data(manifest), "no fingerprint of the data, or half of a normalization"),
        (is_own(network.name) == (manifest.own is not None), "its network and its loop differ"),
        (1 <= network.classes <= layout.MAX_CLASSES, "an impossible number of classes"),
        (1 <= network.channels <= layout.MAX_CHANNELS, "an impossible number of channels"),
        (1 <= network.height <= layout.MAX_PIXELS, "an impossible height"),
        (1 <= network.width <= layout.MAX_PIXELS, "an impossible width"),
        (1 <= len(manifest.layers) <= layout.MAX_LAYERS, "an impossible number of layers"),
        (_are_layers(manifest), "its layers have impossible names or shapes, or stand twice"),
        (_rises(trials, layout.MAX_TRIALS), "its trials do not rise from 0 to 999"),
        (_rises(levels, layout.MAX_LEVELS), "its levels do not rise from 0 to 1000"),
        (manifest.default.level in carried, "its default level is not carried"),
        (manifest.default.trial in trials, "its default trial is not there"),
        (_is_theta0(manifest, carried), "theta0 and the carried levels contradict each other"),
        (_is_reference(manifest), "it refers to pretrained weights that cannot be"),
        (0 <= manifest.family <= layout.MAX_FAMILY, "an impossible number of comparisons"),
        (are_possible(manifest.plugins), "it names a plugin that cannot be, or one twice"),
        (all(map(layout.is_known, files)), "it lists a file that no bundle has"),
        (all(map(_is_file, files, files.values())), "a false digest or size of a file"),
        (_is_evidence_bounded(files), "too many records of experiments or claims"),
        (_needed(manifest) <= set(files), "it does not list a file that its tickets need"),
    ):
        if not holds:
            raise _broken(reason)
    for level in manifest.levels:
        _check_level(manifest, level)


def _is_data(manifest: Manifest) -> bool:
    data = manifest.data
    named = data.fingerprint is None or SHA256.fullmatch(data.fingerprint) is not None
    return named and (data.mean is None) == (data.std is None)


def _are_layers(manifest: Manifest) -> bool:
    names = [layer.name for layer in manifest.layers]
    return len(set(names)) == len(names) and all(
        TENSOR.fullmatch(layer.name) is not None
        and all(extent >= 0 for extent in layer.shape)
        and layer.size >= 1
        for layer in manifest.layers
    )


def _rises(indices: Sequence[int], most: int) -> bool:
    return bool(indices) and list(indices) == sorted({i for i in indices if 0 <= i < most})


def _is_theta0(manifest: Manifest, carried: Sequence[int]) -> bool:
    if manifest.theta0 not in {"survivors", "signs"}:
        return manifest.theta0_level is None
    return manifest.theta0_level == min(carried, default=None)


def _is_reference(manifest: Manifest) -> bool:
    found = manifest.reference
    if found is None or manifest.theta0 != "reference":
        return found is None and manifest.theta0 != "reference"
    names = [*found.names, *found.names.values()]
    return (
        manifest.own is None
        and rules.WEIGHTS.fullmatch(found.source) is not None
        and SHA256.fullmatch(found.sha256) is not None
        and 1 <= found.size <= layout.MAX_TENSOR_BYTES
        and bool(names)
        and all(map(TENSOR.fullmatch, names))
    )


def _is_file(name: str, record: FileRecord) -> bool:
    named = all(
        name == file_of(record.sha256) for is_one, file_of in layout.RECORDS if is_one(name)
    )
    sized = 0 <= record.size <= layout.most_bytes(name)
    return named and sized and SHA256.fullmatch(record.sha256) is not None


def _is_evidence_bounded(files: Mapping[str, FileRecord]) -> bool:
    for is_one, _ in layout.RECORDS:
        sizes = [record.size for name, record in files.items() if is_one(name)]
        if len(sizes) > layout.MAX_EVIDENCE_FILES or sum(sizes) > layout.MAX_EVIDENCE_TOTAL:
            return False
    return True


def _needed(manifest: Manifest) -> set[str]:
    masks = {
        layout.mask_file(ticket.trial, level.index)
        for level in manifest.levels
        for ticket in level.tickets
    }
    theta0 = {layout.theta0_file(trial.index) for trial in manifest.trials}
    return masks | theta0 | {layout.CONFIG, layout.METRICS}


def _check_level(manifest: Manifest, level: LevelRecord) -> None:
    trials, sizes = manifest.trials, [layer.size for layer in manifest.layers]
    owners = [ticket.trial for ticket in level.tickets]
    if level.tickets and owners != [trial.index for trial in trials]:
        raise _broken(f"level {level.index} has not one ticket for each trial")
    for ticket in level.tickets:
        fits = len(ticket.kept) == len(sizes) and all(
            0 <= kept <= size for kept, size in zip(ticket.kept, sizes, strict=True)
        )
        if not fits or not SHA256.fullmatch(ticket.id):
            raise _broken(f"a ticket of level {level.index} has impossible counts or no id")
    if not 0 <= level.density <= 1 or (level.tickets and level.density != _density(level, sizes)):
        raise _broken(f"the density of level {level.index} is not what its counts say")
    if level.evidence is not None and not _is_evidence(level.evidence, manifest.metric):
        raise _broken(f"the evidence of level {level.index} has impossible numbers")


def _density(level: LevelRecord, sizes: Sequence[int]) -> float:
    """Kept over prunable weights, over all trials of a level."""
    kept = sum(sum(ticket.kept) for ticket in level.tickets)
    return kept / (len(level.tickets) * sum(sizes))


def _is_evidence(found: EvidenceSummary, metric: Metric) -> bool:
    test, stop = found.test_accuracy, found.early_stop
    return (
        1 <= found.n <= layout.MAX_TRIALS
        and _is_spread(test)
        and metric.is_possible(test.min)
        and metric.is_possible(test.max)
        and _is_spread(stop)
        and stop.min >= 0
        and are_names(found.measured)
        and all(map(_is_spread, found.measured.values()))
    )


def _is_spread(spread: Spread) -> bool:
    return spread.min <= spread.mean <= spread.max < math.inf


def _broken(reason: str) -> BundleFormatError:
    text = reason[:300].rstrip(".")
    return BundleFormatError(f"{layout.MANIFEST} breaks the format: {text}.", layout.AGAIN)
