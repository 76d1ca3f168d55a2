"""Evidence that was made with the tickets of a bundle: a record read with every check.

`ticket retrain` writes it as `evidence.json`. What is kept of it names the bundle, the tickets and
every trial, and who says so, where and when. Means, intervals and verdicts are computed from the
trials; what the file states of them is not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ticket_hub.bundle import strict
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.durable import canonical_json
from ticket_hub.errors import BundleFormatError, EvidenceError, RecipeError
from ticket_hub.evidence import Outcome
from ticket_hub.experiment_spec import DENSE, TICKET, ExperimentSpec
from ticket_hub.tables import build, to_table

__all__ = [
    "About",
    "ExperimentRecord",
    "LevelResults",
    "decode_record",
    "demand_about",
    "encode_record",
    "read_record",
    "record_in",
]

FORMAT = 1
MOST_LEVELS, MOST_TRIALS, MOST_NETWORKS, MOST_FACTS = 1001, 1000, 32, 64
LONGEST = 200
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_WHEN = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")
_REMEDY = "Send the evidence.json that `ticket retrain` wrote, unchanged."


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One trained network; the fields are those of `ticket_hub.transfer.result.Result`."""

    trial: int
    origin: int
    ticket: str
    order_seed: int
    seed: int | None
    kept: int
    prunable: int
    backend: str
    test_accuracy: float
    early_stop: int


@dataclass(frozen=True, kw_only=True)
class NetworkResults:
    """The ticket or one control, in the order of the trials."""

    trials: tuple[TrialResult, ...]

    @property
    def density(self) -> float:
        """Kept weights over prunable weights of the whole network, mean over the trials."""
        return sum(each.kept / each.prunable for each in self.trials) / len(self.trials)

    @property
    def outcome(self) -> Outcome:
        """What was measured."""
        return Outcome(
            accuracy=tuple(each.test_accuracy for each in self.trials),
            early_stop=tuple(each.early_stop for each in self.trials),
        )


@dataclass(frozen=True, kw_only=True)
class LevelResults:
    """What was trained at one level.

    Attributes:
        head: what became of the output layer.
        transferred_density: density over the layers that came from the ticket.
        networks: by name, `ticket` among them.
    """

    level: int
    head: str
    transferred_density: float
    networks: Mapping[str, NetworkResults]

    def ordered(self) -> dict[str, NetworkResults]:
        """The ticket first and the dense network last, as `ticket retrain` words its reasons."""
        order = {TICKET: 0, DENSE: 2}
        names = sorted(self.networks, key=lambda name: (order.get(name, 1), name))
        return {name: self.networks[name] for name in names}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Whose tickets were trained: their bundle, and what they were found by."""

    bundle: str
    found_on: str
    network: str
    recipe: str
    recipe_digest: str


@dataclass(frozen=True, kw_only=True)
class ExperimentRecord:
    """An experiment with the tickets of a bundle.

    Attributes:
        spec: what decided every result.
        tickets: whose.
        levels: what each came to.
        who: who says so.
        when: the last network was trained, as `2026-01-31T12:00:00Z`; empty where nobody said.
        environment: machine and versions.
        bit_exact: False once the run was resumed in another environment.
    """

    spec: ExperimentSpec
    tickets: Subject
    levels: tuple[LevelResults, ...]
    who: str
    when: str
    environment: Mapping[str, str]
    bit_exact: bool

    def marked(self, *, who: str = "", when: str = "") -> ExperimentRecord:
        """The same, saying who made it and when; an empty text leaves what it says."""
        return replace(self, who=_text(who) or self.who, when=when or self.when)

    def supersedes(self, other: ExperimentRecord) -> bool:
        """Whether the other is the same experiment of the same person in the same environment."""
        own, others = ((each.spec, each.who, each.environment) for each in (self, other))
        return own == others


@dataclass(frozen=True, kw_only=True)
class About:
    """What a record must be about.

    Attributes:
        bundle: its id.
        network, found_on: as in its manifest.
        tickets: by level and trial, the ids of all tickets.
    """

    bundle: str
    network: str
    found_on: str
    tickets: Mapping[int, Mapping[int, str]]

    @classmethod
    def of(cls, manifest: Manifest) -> About:
        """The tickets of a bundle."""
        return cls(
            bundle=manifest.id,
            network=manifest.architecture.name,
            found_on=manifest.data.name,
            tickets={
                level.index: {each.trial: each.id for each in level.tickets}
                for level in manifest.levels
            },
        )


def read_record(table: Any) -> ExperimentRecord:  # noqa: ANN401 - any JSON value
    """Check a record by itself.

    Args:
        table: `evidence.json`, parsed with bounds (see `ticket_hub.bundle.strict`).

    Raises:
        EvidenceError: it is no record, or says what cannot be.
    """
    try:
        return _read(table)
    except RecipeError as error:
        raise _wrong(error.problem) from error
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise _wrong("a part of it is missing or of another kind") from error


def demand_about(record: ExperimentRecord, about: About) -> None:
    """Demand that a record is about a bundle and the tickets in it.

    Raises:
        EvidenceError: it is of another bundle, or of tickets that are not in it.
    """
    tickets = record.tickets
    if tickets.bundle != about.bundle:
        raise _wrong(f"it is about the bundle {tickets.bundle[:64]}, not about {about.bundle}")
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
    return canonical_json(table | {"format": FORMAT, "experiment": spec}) + b"\n"


def decode_record(data: bytes | bytearray, *, source: str) -> ExperimentRecord:
    """The record from its bytes in a bundle.

    Args:
        source: names the file in errors.

    Raises:
        BundleFormatError: it is no record, or has another spelling than `encode_record` gives.
    """
    try:
        record = read_record(strict.parse(data, source=source))
    except EvidenceError as error:
        raise BundleFormatError(f"{source}: {error.problem}", error.remedy) from error
    if encode_record(record) != data:
        raise BundleFormatError(
            f"{source} has another spelling than the one that is written.",
            "Fetch the bundle again, or ask its author to write it again.",
        )
    return record


def record_in(manifest: Manifest, data: bytes | bytearray, name: str) -> ExperimentRecord:
    """The record in a file of a bundle.

    Raises:
        BundleFormatError: as `decode_record`, or it is not about this bundle and its tickets.
    """
    record = decode_record(data, source=name)
    try:
        demand_about(record, About.of(manifest))
    except EvidenceError as error:
        raise BundleFormatError(f"{name}: {error.problem}", error.remedy) from error
    return record


def _read(table: Any) -> ExperimentRecord:  # noqa: ANN401 - any JSON value
    if type(table["format"]) is not int or table["format"] != FORMAT:
        raise _wrong("it is of another format")
    experiment, stated = table["experiment"], table["tickets"]
    spec = build(ExperimentSpec, experiment["spec"])
    if spec.digest != experiment["digest"]:
        raise _wrong("its digest is not that of its experiment")
    tickets = build(Subject, {name: stated[name] for name in Subject.__dataclass_fields__})
    levels = tuple(build(LevelResults, _picked(each)) for each in _listed(table["levels"]))
    if len({each.level for each in levels}) != len(levels):
        raise _wrong("a level stands twice")
    for level in levels:
        _check_level(level)
    when = table.get("when", "")
    if _WHEN.fullmatch(when) is None:
        raise _wrong("its time is none")
    return ExperimentRecord(
        spec=spec,
        tickets=tickets,
        levels=levels,
        who=_text(table["who"]),
        when=when,
        environment=_facts(table["environment"]),
        bit_exact=table["bit_exact"] is True,
    )


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_LEVELS:
        raise _wrong("it has no levels, or too many")
    return value


def _picked(level: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """The parts of a level that are read; what was computed from them is left out."""
    networks = {name: {"trials": each["trials"]} for name, each in level["networks"].items()}
    picked = {name: level[name] for name in ("level", "head", "transferred_density")}
    return {**picked, "networks": networks}


def _facts(table: Any) -> dict[str, str]:  # noqa: ANN401 - any JSON value
    return {_text(key): _text(value) for key, value in list(table.items())[:MOST_FACTS]}


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A short text of one line, without characters that cannot be seen."""
    shown = "".join(each if each.isprintable() else " " for each in str(value)[: 4 * LONGEST])
    return " ".join(shown.split())[:LONGEST].strip()


def _check_level(level: LevelResults) -> None:
    """What a level says must be possible."""
    networks = level.networks
    if TICKET not in networks or len(networks) > MOST_NETWORKS:
        raise _wrong(f"level {level.level} has no ticket, or too many networks")
    numbers = [each.trial for each in networks[TICKET].trials]
    if not 1 <= len(numbers) <= MOST_TRIALS or len(set(numbers)) != len(numbers):
        raise _wrong(f"level {level.level} has no trials, too many, or one of them twice")
    for name, network in networks.items():
        if not _NAME.fullmatch(name) or [each.trial for each in network.trials] != numbers:
            raise _wrong(f"the networks of level {level.level} do not have the same trials")
        if not all(map(_is_possible, network.trials)):
            raise _wrong(f"a trial of level {level.level} says what cannot be")
    if not (0 <= level.level < MOST_LEVELS and 0 <= level.transferred_density <= 1):
        raise _wrong(f"level {level.level}, or its density, cannot be")


def _is_possible(trial: TrialResult) -> bool:
    return (
        0 <= trial.test_accuracy <= 1
        and trial.early_stop >= 0
        and trial.prunable > 0
        and 0 <= trial.kept <= trial.prunable
        and 0 <= trial.trial < MOST_TRIALS
    )


def _wrong(reason: str) -> EvidenceError:
    return EvidenceError(f"This is no evidence about this bundle: {reason[:300]}.", _REMEDY)
