"""Listing the tickets of other hubs: their manifests alone, with the hub that has the rest.

Nothing of a mirrored ticket but its manifest is fetched, so what it says of its evidence is shown
as stated there, and not as checked. What is private there is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub.errors import BundleError, HubAccessError, HubError, HubNotFoundError
from ticket_hub_api.catalog.bundles import facts_of
from ticket_hub_api.catalog.database import Database
from ticket_hub_api.catalog.entries import Listed, forget_mirrored, list_mirrored
from ticket_hub_api.catalog.tables import now
from ticket_hub_api.catalog.ticket_tables import BundleFacts, TicketEntry
from ticket_hub_api.settings import Settings, Visibility

__all__ = ["Mirrored", "mirror"]


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """A repository of another hub, and what was done: `listed`, `unchanged`, `left out`, `gone`."""

    repo: str
    done: str
    reason: str = ""


def mirror(
    database: Database, settings: Settings, owner: str, source: str = ""
) -> Iterator[Mirrored]:
    """List what an owner has on another hub, and no longer what is gone from there.

    Args:
        source: the address of the hub; may be left out where the settings name only one.

    Raises:
        HubError: the settings do not allow this hub, or it cannot be reached.
    """
    from ticket_hub.hub import connect

    address = _allowed(settings, source)
    hub = connect(address)
    seen: set[str] = set()
    for repo in hub.repositories(owner=owner):
        found = _index(database, settings, address, repo)
        if found.done in {"listed", "unchanged"}:
            seen.add(repo.lower())
        yield found
    with database.write() as session:
        mine = (TicketEntry.source == address, TicketEntry.namespace == owner)
        for entry in session.scalars(select(TicketEntry).where(*mine)).all():
            if entry.key not in seen:
                yield Mirrored(repo=f"{entry.namespace}/{entry.name}", done="gone")
                forget_mirrored(session, entry)


def _allowed(settings: Settings, source: str) -> str:
    known = settings.mirrored_hubs
    chosen = source.rstrip("/") or (known[0] if len(known) == 1 else "")
    if chosen not in known:
        raise HubError(
            f"{source or 'No hub'} is not among the hubs that this one may mirror.",
            "List their addresses, with commas, in TICKET_HUB_MIRRORS, and name one with --source.",
        )
    return chosen


def _index(database: Database, settings: Settings, source: str, repo: str) -> Mirrored:
    from ticket_hub.bundle import encoding
    from ticket_hub.hub import connect
    from ticket_hub.hub.pull import peek

    try:
        snapshot, manifest = peek(connect(source), repo)
        if snapshot.private:
            return Mirrored(repo=repo, done="left out", reason="It is private there.")
        key = hashlib.sha256(b"mirrored\0" + encoding.encode(manifest)).hexdigest()
        facts = facts_of(manifest, None)
    except (BundleError, HubNotFoundError, HubAccessError) as error:
        return Mirrored(repo=repo, done="left out", reason=str(error))
    visible = settings.visibility
    visibility = Visibility.ACCOUNTS if visible == Visibility.PRIVATE else visible
    listed = Listed.mirrored(source, repo, snapshot.commit, visibility=visibility, at=now())
    with database.write() as session:
        row = BundleFacts(
            manifest=key, bundle_id=manifest.id, problem="", facts=canonical_json(facts).decode()
        )
        changed = _enter(session, listed, row)
    return Mirrored(repo=repo, done="listed" if changed else "unchanged")


def _enter(session: Session, listed: Listed, row: BundleFacts) -> bool:
    statement = select(TicketEntry).where(TicketEntry.id == listed.fields["id"])
    before = session.scalar(statement)
    if before is not None:
        listed.fields["created_at"] = before.created_at
        same = ("head", "visibility")
        if before.manifest == row.manifest and all(
            getattr(before, name) == listed.fields[name] for name in same
        ):
            return False
    merged = session.merge(row)
    session.flush()
    list_mirrored(session, listed, merged)
    return True
