"""Records of experiments as rows: those that were sent here, and those that bundles bring along."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub.recipe.own import ACCURACY
from ticket_hub_api.catalog.evidence_records import CheckedEvidence
from ticket_hub_api.store.listeners import listeners_of
from ticket_hub_api.store.tables import SECOND, Repository, now
from ticket_hub_api.store.ticket_tables import NOT_MEASURED, Evidence, EvidenceLevel

__all__ = ["delete_evidence", "enter_bundled", "enter_evidence"]


def enter_evidence(
    session: Session,
    repository_id: str,
    found: CheckedEvidence,
    *,
    origin: str,
    sender: str = "",
    created_at: int | None = None,
) -> None:
    """Enter a checked record with its levels, as made at a time in microseconds, else now."""
    session.add(
        Evidence(
            id=found.id, repository_id=repository_id, bundle_id=found.bundle, origin=origin,
            sender=sender, experiment=found.experiment, found_on=found.found_on,
            dataset=found.dataset, network=found.network,
            body=canonical_json(found.body).decode(),
            created_at=now() if created_at is None else created_at,
        )
    )  # fmt: skip
    levels = _levels(found, repository_id)
    session.add_all(levels)
    session.flush()
    repository = session.get(Repository, repository_id)
    assert repository is not None, "evidence is about the tickets of a repository"
    facts = {
        "evidence": found.id, "dataset": found.dataset, "network": found.network,
        "origin": origin, "sender": sender,
        "levels": [
            {"level": each.level, "density": each.density, "accuracy": each.accuracy,
             "n": each.n, "verdict": each.verdict or None, "reason": each.reason}
            for each in levels
        ],
    }  # fmt: skip
    for listener in listeners_of(session):
        listener.judged(session, repository, facts)


def enter_bundled(
    session: Session, repository: Repository, records: Iterable[CheckedEvidence]
) -> None:
    """Have exactly these of the records that came with a repository's bundle.

    Their time is what they say, or else the repository's, so that made anew they are the same.
    """
    repository_id = repository.id
    wanted = {each.id: each for each in records}
    present = session.scalars(select(Evidence).where(Evidence.repository_id == repository_id)).all()
    for row in present:
        if row.origin == "bundle" and row.id not in wanted:
            delete_evidence(session, row)
    for name in wanted.keys() - {row.id for row in present}:
        found = wanted[name]
        made = _moment(found.body.get("when", "")) or repository.created_at
        enter_evidence(session, repository_id, found, origin="bundle", created_at=made)
    session.flush()


def _moment(when: str) -> int | None:
    """Microseconds since 1970 of a time as records say it, if it is one."""
    try:
        return int(dt.datetime.fromisoformat(when).timestamp()) * SECOND
    except ValueError:
        return None


def delete_evidence(session: Session, row: Evidence) -> None:
    """Delete a record with its levels."""
    session.execute(
        delete(EvidenceLevel).where(
            EvidenceLevel.evidence_id == row.id,
            EvidenceLevel.repository_id == row.repository_id,
        )
    )
    session.delete(row)


def _levels(found: CheckedEvidence, repository_id: str) -> list[EvidenceLevel]:
    loop = found.body["experiment"]["spec"].get("loop")
    other = loop is not None and loop["metric"]["name"] != ACCURACY.name
    rows = []
    for level in found.body["levels"]:
        accuracy = level["evidence"]["test_accuracy"]
        gain = level["controls"].get("dense", {}).get("gain") or {}
        rows.append(
            EvidenceLevel(
                evidence_id=found.id, repository_id=repository_id, level=level["level"],
                place=f"{level['level']:04}", density=level["density"],
                transferred=float(level["transferred"]), head=level["head"],
                n=level["evidence"]["n"], tickets=level["evidence"]["tickets"],
                accuracy=NOT_MEASURED if other else accuracy["mean"], low=accuracy["low"],
                high=accuracy["high"], gain=gain.get("mean"), gain_low=gain.get("low"),
                gain_high=gain.get("high"), verdict=level["verdict"] or "",
                reason=level["reason"],
            )
        )  # fmt: skip
    return rows
