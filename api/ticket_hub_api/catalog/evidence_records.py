"""Evidence about a ticket as the catalog keeps it: checked by the core, its verdicts computed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ticket_hub.durable import canonical_json
from ticket_hub.table import finite
from ticket_hub_api.catalog.bundles import judged

if TYPE_CHECKING:
    from ticket_hub.bundle import ExperimentRecord
    from ticket_hub.bundle.experiment_record import LevelResults
    from ticket_hub.evidence import Verdict

__all__ = ["MAX_BYTES", "CheckedEvidence", "checked_evidence", "read_evidence"]

MAX_BYTES = 4 << 20
"""Of one record that is sent."""
TICKET = "ticket"


@dataclass(frozen=True, kw_only=True)
class CheckedEvidence:
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


def read_evidence(table: Any, facts: Mapping[str, Any]) -> CheckedEvidence:  # noqa: ANN401 - any JSON value
    """Check a record against the bundle that it is about.

    Args:
        table: `evidence.json`, parsed.
        facts: of the bundle; see `catalog.bundles.facts_of`.

    Raises:
        EvidenceError: it is no record, is of another bundle or of tickets that are not in it, or
            says what cannot be.
    """
    from ticket_hub.bundle.experiment_record import About
    from ticket_hub.bundle.record_reading import demand_about, read_record

    tickets = {
        each["level"]: {int(trial): name for trial, name in each["tickets"].items()}
        for each in facts["levels"]
        if each["carried"]
    }
    about = About(
        bundle=facts["id"],
        network=facts["architecture"]["name"],
        found_on=facts["data"]["name"],
        tickets=tickets,
    )
    record = read_record(table)
    demand_about(record, about)
    return checked_evidence(record)


def checked_evidence(record: ExperimentRecord) -> CheckedEvidence:
    """What the catalog keeps of a record."""
    from ticket_hub.recipe.tables import to_table

    verdicts = record.usual_verdicts()
    when = {"when": record.when} if record.when else {}
    body = finite({
        "bit_exact": record.bit_exact,
        "environment": record.environment,
        "who": record.who,
        "tickets": to_table(record.tickets),
        "experiment": {"digest": record.spec.digest, "spec": record.spec.to_table()},
        "levels": [_level(each, verdicts[each.level]) for each in record.levels],
        **when,
    })  # fmt: skip
    return CheckedEvidence(
        id=hashlib.sha256(canonical_json(body)).hexdigest(),
        bundle=record.tickets.bundle,
        experiment=record.spec.digest,
        found_on=record.tickets.found_on,
        dataset=record.spec.data_name[:200],
        network=record.spec.network.name[:200],
        body=body,
    )


def _level(level: LevelResults, verdict: Verdict) -> dict[str, Any]:
    from ticket_hub.recipe.tables import to_table

    networks = level.ordered()
    tables = {name: to_table(network) for name, network in sorted(networks.items())}
    outcomes = {name: network.outcome for name, network in networks.items()}
    own = outcomes.pop(TICKET)
    curves = {name: table["curves"] for name, table in tables.items() if "curves" in table}
    return {
        "level": level.level,
        "density": networks[TICKET].density,
        "transferred": level.transferred_density,
        "head": level.head[:24],
        **judged(own, outcomes, verdict if outcomes else None),
        "trials": {name: table["trials"] for name, table in tables.items()},
        **({"curves": curves} if curves else {}),
    }
