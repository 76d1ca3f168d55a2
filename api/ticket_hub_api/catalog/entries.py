"""From facts to rows: what lists of tickets show, sort and filter by."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from ticket_hub.recipe.own import ACCURACY, Metric
from ticket_hub_api.catalog.vouching import Vouching
from ticket_hub_api.catalog.words import forget_words, set_words, words_of
from ticket_hub_api.store.tables import Repository
from ticket_hub_api.store.ticket_tables import NOT_MEASURED, BundleFacts, TicketEntry, TicketLevel

__all__ = [
    "VERDICT_BITS",
    "Listed",
    "accuracy_bucket",
    "accuracy_of",
    "bits_of",
    "bucket_mask",
    "density_bucket",
    "forget_entry",
    "forget_mirrored",
    "keep_facts",
    "list_entry",
    "list_mirrored",
    "metric_of",
    "of_accuracy",
    "replay_rank",
]

VERDICT_BITS = {"winning": 1, "matching": 2, "not distinguishable": 4, "losing": 8}
_MAX_NAME = 200
_BUCKETS = 62
_MOST_REPLAYS = 1000
"""More than any ticket can have."""


class Listed:
    """Where a ticket is listed: fields of `TicketEntry` that do not come from its bundle."""

    def __init__(self, **fields: Any) -> None:  # noqa: ANN401 - columns of every type
        """Keep the fields."""
        self.fields = fields

    @classmethod
    def of(cls, repository: Repository, vouching: Vouching) -> Listed:
        """A repository of this hub, and who vouches for its ticket."""
        return cls(
            replays=vouching.others,
            identical=vouching.identical,
            replay_rank=replay_rank(vouching),
            signed_by=vouching.signed_by,
            id=repository.id,
            repository_id=repository.id,
            owner_id=repository.owner_id,
            visibility=repository.visibility,
            namespace=repository.namespace,
            name=repository.name,
            head=repository.head,
            created_at=repository.created_at,
            updated_at=repository.updated_at,
        )

    @classmethod
    def mirrored(cls, source: str, repo: str, head: str, *, visibility: str, at: int) -> Listed:
        """A repository of another hub."""
        namespace, _, name = repo.partition("/")
        return cls(
            id=hashlib.sha256(f"{source} {repo}".lower().encode()).hexdigest()[:24],
            source=source,
            visibility=visibility,
            namespace=namespace,
            name=name,
            head=head,
            created_at=at,
            updated_at=at,
        )


def keep_facts(session: Session, manifest: str, facts: Mapping[str, str]) -> BundleFacts:
    """Enter what a manifest says, by the names of the columns, or what it is found to say now."""
    row = session.get(BundleFacts, manifest)
    if row is None:
        row = BundleFacts(manifest=manifest)
        session.add(row)
    for name, value in facts.items():
        setattr(row, name, value)
    session.flush()
    return row


def list_entry(
    session: Session, repository: Repository, row: BundleFacts, vouching: Vouching
) -> None:
    """List a repository of this hub with the facts of its newest bundle, and who vouches for it."""
    _add(session, Listed.of(repository, vouching), row)


def replay_rank(vouching: Vouching) -> int:
    """What tickets are ordered by: replays by others that came out, then those to the bit."""
    return (vouching.identical + vouching.reproduced) * _MOST_REPLAYS + vouching.identical


def list_mirrored(session: Session, listed: Listed, row: BundleFacts) -> None:
    """List a ticket of another hub, in the place of what was listed of it before."""
    _forget(session, select(TicketEntry).where(TicketEntry.id == listed.fields["id"]))
    _add(session, listed, row)


def forget_entry(session: Session, repository_id: str) -> None:
    """Take a repository from the lists."""
    _forget(session, select(TicketEntry).where(TicketEntry.repository_id == repository_id))


def forget_mirrored(session: Session, entry: TicketEntry) -> None:
    """Take a mirrored ticket from the lists, with the facts that no other entry needs."""
    manifest = entry.manifest
    _forget(session, select(TicketEntry).where(TicketEntry.id == entry.id))
    others = select(TicketEntry.id).where(TicketEntry.manifest == manifest).exists()
    session.execute(delete(BundleFacts).where(BundleFacts.manifest == manifest, ~others))


def _forget(session: Session, which: Select[TicketEntry]) -> None:
    entries = session.scalars(which).all()
    forget_words(session, [entry.number for entry in entries])
    for entry in entries:
        session.execute(
            delete(TicketLevel).where(TicketLevel.ticket_id == entry.id),
            execution_options={"synchronize_session": False},
        )
        session.delete(entry)
    session.flush()


def _add(session: Session, listed: Listed, row: BundleFacts) -> None:
    facts: dict[str, Any] = json.loads(row.facts)
    fields = listed.fields
    levels = [
        {
            "level": level["level"],
            "density": level["density"],
            "accuracy": accuracy_of(level, facts),
            "verdict": level["verdict"] or "",
        }
        for level in facts["levels"]
    ]
    # The ticket that is meant where no level is named.
    chosen = facts["default"]
    level = next(each for each in facts["levels"] if each["level"] == chosen["level"])
    evidence = level["evidence"]
    accuracy = evidence["test_accuracy"] if evidence else {}
    gain = level["controls"].get("dense", {}).get("gain") or {}
    entry = TicketEntry(
        **fields,
        **_names(fields, facts),
        level=level["level"],
        rule=chosen["rule"],
        density=level["density"],
        accuracy=accuracy_of(level, facts),
        low=accuracy.get("low"),
        high=accuracy.get("high"),
        gain=gain.get("mean"),
        gain_low=gain.get("low"),
        gain_high=gain.get("high"),
        n=evidence["n"] if evidence else 0,
        verdict=level["verdict"] or "",
        **bits_of(levels),
        # 60 bits, which whole numbers of both databases hold.
        number=int(fields["id"][:15], 16),
        manifest=row.manifest,
        bundle_id=row.bundle_id,
        trials=len(facts["trials"]),
        levels=sum(level["carried"] for level in facts["levels"]),
        prunable=facts["prunable"],
    )
    session.add(entry)
    session.flush()
    session.add_all(TicketLevel(ticket_id=entry.id, **level) for level in levels)
    set_words(session, [entry])
    session.flush()


def of_accuracy(facts: Mapping[str, Any]) -> bool:
    """Whether what was measured of a bundle is its accuracy; facts of old say nothing else."""
    return "metric" not in facts or facts["metric"]["label"] == ACCURACY.label


def metric_of(facts: Mapping[str, Any] | None) -> Metric:
    """A metric as facts and records have it; of accuracy the margin is the hub's own."""
    if facts is None:
        return ACCURACY
    known = {name: facts[name] for name in ("margin", "lower_is_better", "unit")}
    metric = Metric(facts["name"], **known)
    return ACCURACY if metric.is_accuracy else metric


def accuracy_of(level: Mapping[str, Any], facts: Mapping[str, Any]) -> float:
    """The mean test accuracy of a level, or `NOT_MEASURED`: so of any other metric, too."""
    evidence = level["evidence"] if of_accuracy(facts) else None
    return float(evidence["test_accuracy"]["mean"]) if evidence else NOT_MEASURED


def _names(fields: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, str]:
    network, dataset = facts["architecture"]["name"], facts["data"]["name"]
    recipe, about = facts["recipe"]["name"], facts["recipe"].get("about", "")
    full_name = f"{fields['namespace']}/{fields['name']}"
    return {
        "key": full_name.lower(),
        "network": network[:_MAX_NAME],
        "dataset": dataset[:_MAX_NAME],
        "recipe": recipe[:_MAX_NAME],
        "words": words_of(full_name, network, dataset, recipe, about),
    }


def bits_of(levels: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """What levels are near to, by their density, accuracy and verdict: a bit for each."""
    measured = [each["accuracy"] for each in levels if each["accuracy"] != NOT_MEASURED]
    return {
        "density_bits": _or(1 << density_bucket(each["density"]) for each in levels),
        "accuracy_bits": _or(1 << accuracy_bucket(each) for each in measured),
        "verdicts": _or(VERDICT_BITS[each["verdict"]] for each in levels if each["verdict"]),
    }


def _or(bits: Iterable[int]) -> int:
    found = 0
    for bit in bits:
        found |= bit
    return found


def density_bucket(density: float) -> int:
    """Which of 62 buckets a density falls into: four for each halving, the densest is 0."""
    return _bucket(density)


def accuracy_bucket(accuracy: float) -> int:
    """Which of 62 buckets an accuracy falls into: four for each halving of the error."""
    return _bucket(1.0 - accuracy)


def _bucket(share: float) -> int:
    if share <= 0:
        return _BUCKETS - 1
    return max(0, min(_BUCKETS - 1, math.floor(-4 * math.log2(share))))


def bucket_mask(first: int, last: int) -> int:
    """The bits from one bucket to another."""
    return (1 << (last + 1)) - (1 << first)
