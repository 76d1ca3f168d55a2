"""Reading `evidence.json` of a retrain that was made elsewhere: bounded, checked, computed anew.

The record names the bundle, the tickets and every trial. Means, intervals and verdicts are computed
here from the trials; what the record states of them is not used.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ticket_hub.durable import canonical_json
from ticket_hub.errors import EvidenceError, RecipeError
from ticket_hub_api.catalog.bundles import finite, judged

if TYPE_CHECKING:
    from ticket_hub.evidence import Outcome

__all__ = ["MOST_BYTES", "Found", "read_record"]

MOST_BYTES = 4 << 20
FORMAT = 1
MOST_LEVELS, MOST_TRIALS, MOST_NETWORKS = 1001, 1000, 32
TICKET, DENSE = "ticket", "dense"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_REMEDY = "Send the evidence.json that `ticket retrain` wrote, unchanged."


@dataclass(frozen=True, kw_only=True)
class _Trial:
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
class _Network:
    trials: tuple[_Trial, ...]


@dataclass(frozen=True, kw_only=True)
class _Level:
    level: int
    head: str
    transferred_density: float
    networks: Mapping[str, _Network]


@dataclass(frozen=True, kw_only=True)
class _Tickets:
    bundle: str
    found_on: str
    network: str
    recipe: str
    recipe_digest: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """A record that holds.

    Attributes:
        id: the sha256 over all that is kept of it.
        bundle: the id of the bundle whose tickets were trained.
        experiment: the digest of the experiment, recomputed.
        found_on, dataset: what the tickets were found on, and trained on.
        network: what was trained.
        body: what is kept, as JSON values: spec, environment, who, and each level with its trials.
    """

    id: str
    bundle: str
    experiment: str
    found_on: str
    dataset: str
    network: str
    body: Mapping[str, Any]


def read_record(table: Any, facts: Mapping[str, Any]) -> Found:  # noqa: ANN401 - any JSON value
    """Check a record against the bundle that it is about.

    Args:
        table: the parsed file.
        facts: of the bundle; see `catalog.bundles.facts_of`.

    Raises:
        EvidenceError: it is no record, is of another bundle or of tickets that are not in it, or
            says what cannot be.
    """
    try:
        return _read(table, facts)
    except RecipeError as error:
        raise _wrong(error.problem) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise _wrong("a part of it is missing or of another kind") from error


def _read(table: Any, facts: Mapping[str, Any]) -> Found:  # noqa: ANN401 - any JSON value
    from ticket_hub.tables import build, to_table
    from ticket_hub.transfer.spec import ExperimentSpec

    if table["format"] != FORMAT:
        raise _wrong("it is of another format")
    experiment, stated = table["experiment"], table["tickets"]
    spec = build(ExperimentSpec, experiment["spec"])
    if spec.digest != experiment["digest"]:
        raise _wrong("its digest is not that of its experiment")
    tickets = build(_Tickets, {name: stated[name] for name in _Tickets.__dataclass_fields__})
    if tickets.bundle != facts["id"]:
        raise _wrong(f"it is about the bundle {tickets.bundle[:64]}, not about {facts['id']}")
    if (tickets.found_on, tickets.network) != (
        facts["data"]["name"],
        facts["architecture"]["name"],
    ):
        raise _wrong("it names another network or data set than its bundle")
    levels = [_level(build(_Level, _picked(each)), facts) for each in _listed(table["levels"])]
    if len({each["level"] for each in levels}) != len(levels):
        raise _wrong("a level stands twice")
    body = finite({
        "bit_exact": table["bit_exact"] is True,
        "environment": _texts(table["environment"]),
        "who": str(table["who"])[:200],
        "tickets": to_table(tickets),
        "experiment": {"digest": spec.digest, "spec": spec.to_table()},
        "levels": levels,
    })  # fmt: skip
    return Found(
        id=hashlib.sha256(canonical_json(body)).hexdigest(),
        bundle=tickets.bundle,
        experiment=spec.digest,
        found_on=tickets.found_on,
        dataset=spec.data.name[:200],
        network=spec.network.name[:200],
        body=body,
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


def _texts(table: Any) -> dict[str, str]:  # noqa: ANN401 - any JSON value
    """At most 64 short texts."""
    return {str(key)[:64]: str(value)[:200] for key, value in list(table.items())[:64]}


def _level(level: _Level, facts: Mapping[str, Any]) -> dict[str, Any]:
    from ticket_hub.evidence import Outcome
    from ticket_hub.tables import to_table

    _check_level(level, facts)
    outcomes: dict[str, Outcome] = {
        name: Outcome(
            accuracy=tuple(each.test_accuracy for each in network.trials),
            early_stop=tuple(each.early_stop for each in network.trials),
        )
        for name, network in sorted(level.networks.items(), key=lambda each: each[0] == DENSE)
    }  # the dense network last, as `ticket retrain` words its reasons
    own = outcomes.pop(TICKET)
    trials = level.networks[TICKET].trials
    return {
        "level": level.level,
        "density": sum(each.kept / each.prunable for each in trials) / len(trials),
        "transferred": level.transferred_density,
        "head": level.head[:24],
        **judged(own, outcomes, decide=bool(outcomes)),
        "trials": {
            name: to_table(network)["trials"] for name, network in sorted(level.networks.items())
        },
    }


def _check_level(level: _Level, facts: Mapping[str, Any]) -> None:
    """What a level says must be possible, and its tickets must be those of the bundle."""
    known = {each["level"]: each["tickets"] for each in facts["levels"] if each["carried"]}
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
    for each in networks[TICKET].trials:
        if known.get(level.level, {}).get(str(each.origin)) != each.ticket:
            raise _wrong(f"a ticket of level {level.level} is not in the bundle")
    if not 0 <= level.transferred_density <= 1:
        raise _wrong(f"the density of level {level.level} cannot be")


def _is_possible(trial: _Trial) -> bool:
    return (
        0 <= trial.test_accuracy <= 1
        and trial.early_stop >= 0
        and trial.prunable > 0
        and 0 <= trial.kept <= trial.prunable
        and 0 <= trial.trial < MOST_TRIALS
    )


def _wrong(reason: str) -> EvidenceError:
    return EvidenceError(f"This is no evidence about this bundle: {reason[:300]}.", _REMEDY)
