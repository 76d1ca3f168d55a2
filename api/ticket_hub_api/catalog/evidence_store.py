"""Keeping evidence that was made elsewhere, with who sent it."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticket_hub.errors import EvidenceError
from ticket_hub_api import errors
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.evidence_records import CheckedEvidence, read_evidence
from ticket_hub_api.catalog.evidence_rows import delete_evidence, enter_evidence
from ticket_hub_api.catalog.experiment_shapes import ExperimentDetail
from ticket_hub_api.catalog.experiments import one_experiment, unknown
from ticket_hub_api.catalog.ticket_detail import one_ticket
from ticket_hub_api.catalog.ticket_query import shown_with, visible
from ticket_hub_api.store.ticket_tables import Evidence, TicketEntry

__all__ = ["receive_evidence", "remove_evidence"]


def receive_evidence(
    session: Session,
    sender: Principal,
    repo: str,
    table: Any,  # noqa: ANN401 - any JSON value
) -> tuple[ExperimentDetail, bool]:
    """Keep evidence that was made elsewhere; with False where it was here already.

    Args:
        repo: the ticket that it is about; its newest bundle must be the one that is named.
        table: `evidence.json`, parsed.

    Raises:
        ApiError, TicketNotFoundError: there is no such ticket, or the sender may not see it.
        EvidenceError: it is no evidence about this ticket, or not what the sender has sent of the
            same experiment.
    """
    ticket = one_ticket(session, sender, repo)
    if ticket.source:
        raise errors.bad_request(f"{repo} is on {ticket.source}. Send the evidence there.")
    found = read_evidence(table, ticket.description)
    entry = session.scalars(select(TicketEntry).where(TicketEntry.key == ticket.repo.lower())).one()
    assert entry.repository_id is not None, "mirrored tickets were refused above"
    made = session.get(Evidence, (found.id, entry.repository_id)) is None
    if made:
        _refuse_altered(session, entry.repository_id, found, sender)
        enter_evidence(session, entry.repository_id, found, origin="upload", sender=sender.name)
    kept = one_experiment(session, sender, found.id, repository_id=entry.repository_id)
    return kept, made


def _refuse_altered(
    session: Session, repository_id: str, found: CheckedEvidence, sender: Principal
) -> None:
    """Refuse other results of networks that the same sender has told of.

    What others say of the same experiment is no reason: nobody shall keep anybody from sending.
    """
    from ticket_hub.bundle.experiment_record import altered_trial  # slow: statistics need NumPy

    statement = select(Evidence).where(
        Evidence.repository_id == repository_id,
        Evidence.experiment == found.experiment,
        Evidence.bundle_id == found.bundle,
        Evidence.sender == sender.name,
    )
    for row in session.scalars(statement):
        earlier = json.loads(row.body)
        bodies = (found.body, earlier)
        if earlier["environment"] != found.body["environment"] or not all(
            each["bit_exact"] for each in bodies
        ):
            continue
        trials = [{each["level"]: each["trials"] for each in body["levels"]} for body in bodies]
        if text := altered_trial(*trials):
            raise EvidenceError(
                "You have sent other evidence of this experiment on this machine: the "
                f"{text} there.",
                f"If that was wrong, remove it with DELETE /api/v1/experiments/{row.id}, and send "
                "this again.",
            )


def remove_evidence(session: Session, caller: Principal, evidence_id: str) -> None:
    """Remove evidence that the caller has sent, or that is about a ticket of theirs.

    Raises:
        HubNotFoundError: there is no such evidence that the caller may see.
        ApiError: 403, when it is neither.
    """
    statement = (
        select(Evidence, TicketEntry.owner_id)
        .join(TicketEntry, shown_with())
        .where(Evidence.id == evidence_id, Evidence.origin == "upload", *visible(caller))
    )
    rows = session.execute(statement).all()
    if not rows:
        raise unknown(evidence_id)
    mine = [
        row.Evidence
        for row in rows
        if row.Evidence.sender == caller.name or caller.may_administer(row.owner_id)
    ]
    if not mine:
        raise errors.forbidden("Only its sender, or an owner of the ticket, may remove this.")
    for row in mine:
        delete_evidence(session, row)
