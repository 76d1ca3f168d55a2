"""Reading and writing records of experiments, with every check.

`ticket retrain` writes one as `evidence.json`; what that states of means, intervals and verdicts is
not read. In a bundle it is what `encode_record` makes of it.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

from ticket_hub.bundle.experiment_record import (
    MAX_READINGS,
    About,
    ExperimentRecord,
    ExperimentSubject,
    LevelResults,
    TrialCurve,
    one_line,
)
from ticket_hub.bundle.layout import MAX_LEVELS, MAX_TRIALS
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.plugin_records import PluginRecord, are_possible
from ticket_hub.bundle.record_checks import decode_as_written, demand_in, read_or_refuse
from ticket_hub.durable import canonical_json
from ticket_hub.errors import EvidenceError
from ticket_hub.evidence import Rule
from ticket_hub.evidence.rule import USUAL
from ticket_hub.recipe.experiment_spec import TICKET, spec_of
from ticket_hub.recipe.own import Metric, are_names
from ticket_hub.recipe.tables import build, to_table

__all__ = ["decode_record", "demand_about", "encode_record", "read_record", "record_in"]

FORMAT, WITH_CURVES = 1, 2
"""Of a record in a bundle: readers that know no curves refuse it by its format."""
MAX_NETWORKS, MAX_FACTS = 32, 64
MAX_DRAWS = 100  # of a control for each trial
MAX_BESIDE, MAX_SIZE = 20_000, 10**12
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_WHEN = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")
_START = re.compile(r"(?:[0-9a-f]{64})?")
_REMEDY = "Send the evidence.json that `ticket retrain` wrote, unchanged."


def read_record(table: Any) -> ExperimentRecord:  # noqa: ANN401 - any JSON value
    """Check a record by itself.

    Args:
        table: `evidence.json`, parsed with bounds (see `ticket_hub.bundle.strict`).

    Raises:
        EvidenceError: it is no record, or says what cannot be.
    """
    return read_or_refuse(_read, table, _wrong)


def demand_about(record: ExperimentRecord, about: About) -> None:
    """Demand that a record is about a bundle and the tickets in it.

    Raises:
        EvidenceError: it is of another bundle, or of tickets that are not in it.
    """
    tickets = record.tickets
    if tickets.bundle != about.bundle:
        raise EvidenceError(
            f"This is no evidence about this bundle: it is about {tickets.bundle[:12]} (found on "
            f"{tickets.found_on[:64]}), not about {about.bundle[:12]}.",
            "Name an experiment with tickets of this bundle, or the bundle that it is about.",
        )
    if (tickets.found_on, tickets.network) != (about.found_on, about.network):
        raise _wrong("it names another network or data set than its bundle")
    for level in record.levels:
        known = about.tickets.get(level.level, {})
        if any(known.get(each.origin) != each.ticket for each in level.networks[TICKET].trials):
            raise _wrong(f"a ticket of level {level.level} is not in the bundle")


def encode_record(record: ExperimentRecord) -> bytes:
    """The bytes of a record in a bundle: canonical JSON and a newline."""
    table = to_table(record)
    spec = {"digest": record.spec.digest, "spec": record.spec.to_table()}
    del table["spec"]
    table["rule"] = record.rule.to_table()
    if record.rule == USUAL:
        del table["rule"]  # as records were written before
    if not record.iterations_in_all:
        del table["iterations_in_all"]
    if not record.plugins:
        del table["plugins"]
    for level in table["levels"]:
        for network in level["networks"].values():
            network["trials"] = [_said(trial) for trial in network["trials"]]
    drawn = any(network.curves for level in record.levels for network in level.networks.values())
    table["format"] = WITH_CURVES if drawn else FORMAT
    return canonical_json(table | {"experiment": spec}) + b"\n"


def _said(trial: dict[str, Any]) -> dict[str, Any]:
    """A trial without what it does not say: records are written as they always were."""
    return {name: value for name, value in trial.items() if (name, value) != ("start", "")}


def decode_record(data: bytes | bytearray, *, source: str) -> ExperimentRecord:
    """The record from its bytes in a bundle.

    Args:
        source: names the file in errors.

    Raises:
        BundleFormatError: it is no record, or has another spelling than `encode_record` gives.
    """
    return decode_as_written(data, source, read_record, encode_record)


def record_in(manifest: Manifest, data: bytes | bytearray, name: str) -> ExperimentRecord:
    """The record in a file of a bundle.

    Raises:
        BundleFormatError: as `decode_record`, or it is not about this bundle and its tickets.
    """
    return demand_in(manifest, name, decode_record(data, source=name), demand_about)


def _read(table: Any) -> ExperimentRecord:  # noqa: ANN401 - any JSON value
    if type(table["format"]) is not int or table["format"] not in {FORMAT, WITH_CURVES}:
        raise _wrong("it is of another format")
    experiment, stated = table["experiment"], table["tickets"]
    spec = spec_of(experiment["spec"])
    if spec.digest != experiment["digest"]:
        raise _wrong("its digest is not that of its experiment")
    tickets = build(
        ExperimentSubject, {name: stated[name] for name in ExperimentSubject.__dataclass_fields__}
    )
    levels = tuple(build(LevelResults, _picked(each)) for each in _listed(table["levels"]))
    if len({each.level for each in levels}) != len(levels):
        raise _wrong("a level stands twice")
    for level in levels:
        _check_level(level, spec.metric)
    when = table.get("when", "")
    if _WHEN.fullmatch(when) is None:
        raise _wrong("its time is none")
    return ExperimentRecord(
        spec=spec,
        tickets=tickets,
        levels=levels,
        who=one_line(table["who"]),
        when=when,
        environment={
            one_line(key): one_line(value)
            for key, value in list(table["environment"].items())[:MAX_FACTS]
        },
        bit_exact=table["bit_exact"] is True,
        rule=_rule(table.get("rule"), spec.metric),
        iterations_in_all=_totals(table.get("iterations_in_all", {})),
        plugins=_plugins(table.get("plugins", [])),
    )


def _plugins(found: Any) -> tuple[PluginRecord, ...]:  # noqa: ANN401 - any JSON value
    records = tuple(build(PluginRecord, each) for each in _listed(found)) if found else ()
    if not are_possible(records):
        raise _wrong("it names a plugin that cannot be, or one twice")
    return records


def _totals(table: Any) -> dict[str, int]:  # noqa: ANN401 - any JSON value
    """Iterations of each network."""
    for name, count in table.items():
        if not _NAME.fullmatch(name) or type(count) is not int or not 0 <= count <= MAX_SIZE:
            raise _wrong("its iterations cannot be")
    if len(table) > MAX_NETWORKS:
        raise _wrong("it has too many networks")
    return dict(table)


def _rule(table: Any, metric: Metric) -> Rule:  # noqa: ANN401 - any JSON value
    """By what it was judged; records that do not say so were by the usual rule, or an earlier."""
    if table is None:
        return replace(USUAL, metric=metric)
    rule = replace(build(Rule, table), metric=metric)
    rule.check()
    if len(rule.beside) > MAX_BESIDE or not all(0 <= each <= 1 for each in rule.beside):
        raise _wrong("the comparisons beside it cannot be")
    return rule


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_LEVELS:
        raise _wrong("it has no levels, or too many")
    return value


def _picked(level: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """The parts of a level that are read; what was computed from them is left out."""
    networks = {
        name: {key: each[key] for key in ("trials", "curves") if key in each}
        for name, each in level["networks"].items()
    }
    picked = {name: level[name] for name in ("level", "head", "transferred_density")}
    return {**picked, "networks": networks}


def _check_level(level: LevelResults, metric: Metric) -> None:
    """What a level says must be possible."""
    networks = level.networks
    if TICKET not in networks or len(networks) > MAX_NETWORKS:
        raise _wrong(f"level {level.level} has no ticket, or too many networks")
    numbers = [each.trial for each in networks[TICKET].trials]
    if not 1 <= len(numbers) <= MAX_TRIALS or len(set(numbers)) != len(numbers):
        raise _wrong(f"level {level.level} has no trials, too many, or one of them twice")
    for name, network in networks.items():
        draws = max((each.draw for each in network.trials), default=0) + 1
        wanted = [(trial, draw) for trial in numbers for draw in range(min(draws, MAX_DRAWS))]
        given = [(each.trial, each.draw) for each in network.trials]
        if not _NAME.fullmatch(name) or given != wanted or (name == TICKET and draws > 1):
            raise _wrong(f"the networks of level {level.level} do not have the same trials")
        if not all(
            (
                metric.is_possible(each.test_accuracy)
                and each.early_stop >= 0
                and each.prunable > 0
                and 0 <= each.kept <= each.prunable
                and 0 <= each.trial < MAX_TRIALS
                and _START.fullmatch(each.start) is not None
                and are_names(each.measured)
                and all(map(math.isfinite, each.measured.values()))
            )
            for each in network.trials
        ):
            raise _wrong(f"a trial of level {level.level} says what cannot be")
        if len(network.curves) not in {0, len(given)} or not all(
            _is_drawable(each, metric) for each in network.curves
        ):
            raise _wrong(f"a curve of level {level.level} cannot be")
    if not (0 <= level.level < MAX_LEVELS and 0 <= level.transferred_density <= 1):
        raise _wrong(f"level {level.level}, or its density, cannot be")


def _is_drawable(curve: TrialCurve, metric: Metric) -> bool:
    rows = list(zip(curve.validation_accuracy, curve.test_accuracy, strict=False))
    rising = all(first < later for first, later in pairwise((-1, *curve.iterations)))
    return (
        rising
        and 1 <= len(curve.iterations) <= MAX_READINGS
        and len(curve.validation_accuracy) == len(curve.test_accuracy) == len(curve.iterations)
        and all(value is None or metric.is_possible(value) for row in rows for value in row)
    )


def _wrong(reason: str) -> EvidenceError:
    return EvidenceError(f"This is no evidence about this bundle: {reason[:300]}.", _REMEDY)
