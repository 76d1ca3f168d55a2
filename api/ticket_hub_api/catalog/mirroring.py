"""Listing the tickets of other hubs: their manifests alone, with the hub that has the rest.

Nothing of a mirrored ticket but its manifest is fetched, so what it says of its evidence is shown
as stated there, and not as checked. What is private there is left out. The operator's token goes to
the hub that it is for, and to no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub.errors import (
    BundleError,
    HubAccessError,
    HubError,
    HubUnavailableError,
    TicketHubError,
)
from ticket_hub_api.catalog.bundles import facts_of
from ticket_hub_api.catalog.entries import Listed, forget_mirrored, keep_facts, list_mirrored
from ticket_hub_api.settings import Settings, Visibility
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import now
from ticket_hub_api.store.ticket_tables import TicketEntry

if TYPE_CHECKING:
    from ticket_hub.hub.base import Hub

__all__ = ["Mirrored", "mirror"]

MAX_SILENT = 2
"""One repository that cannot be read is left out; so many one after the other are the hub."""


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """A repository of another hub, and what was done."""

    repo: str
    done: Literal["listed", "unchanged", "left out", "gone"]
    reason: str = ""


def mirror(
    database: Database, settings: Settings, owner: str, source: str = ""
) -> Iterator[Mirrored]:
    """List what an owner has on another hub, and no longer what is gone from there.

    What cannot be listed is left out and named, and ends nothing. `HF_TOKEN` is sent only where
    `HF_ENDPOINT` (or, without it, the public Hub) is the source.

    Args:
        source: the address of the hub; may be left out where the settings name only one.

    Raises:
        HubError: the settings do not allow this hub, or it cannot be reached.
    """
    from ticket_hub.hub.connect import connect, is_own

    known = settings.mirrored_hubs
    address = source.rstrip("/") or (known[0] if len(known) == 1 else "")
    if address not in known:
        raise HubError(
            f"{source or 'No hub'} is not among the hubs that this one may mirror.",
            "List their addresses, with commas, in TICKET_HUB_MIRRORS, and name one with --source.",
        )
    hub = connect(address, token=None if is_own(address) else False)
    seen: set[str] = set()
    told: list[TicketHubError] = []
    silent = 0
    for repo in _repositories(hub, owner, told):
        try:
            found = _index(database, settings, hub, repo)
        except HubUnavailableError as error:
            silent += 1
            if silent == MAX_SILENT:
                raise
            found = Mirrored(repo=repo, done="left out", reason=str(error))
            seen.add(repo.lower())  # it is not gone
        else:
            silent = 0
        if found.done in {"listed", "unchanged"}:
            seen.add(repo.lower())
        yield found
    yield from (Mirrored(repo="", done="left out", reason=str(error)) for error in told)

    def forget(session: Session) -> list[Mirrored]:
        """Drop the entries of this source that its hub no longer has."""
        mine = (TicketEntry.source == address, TicketEntry.namespace == owner)
        entries = session.scalars(select(TicketEntry).where(*mine)).all()
        gone = [entry for entry in entries if entry.key not in seen]
        for entry in gone:
            forget_mirrored(session, entry)
        return [Mirrored(repo=f"{each.namespace}/{each.name}", done="gone") for each in gone]

    yield from database.transact(forget)


def _repositories(hub: Hub, owner: str, told: list[TicketHubError]) -> Iterator[str]:
    try:
        yield from hub.repositories(owner=owner, report=told.append)
    except HubAccessError as error:
        raise HubAccessError(
            error.problem,
            f"HF_TOKEN is sent to the hub that HF_ENDPOINT names: set both for {hub.location}, "
            "and run it again.",
        ) from error


def _index(database: Database, settings: Settings, hub: Hub, repo: str) -> Mirrored:
    from ticket_hub.bundle import encoding
    from ticket_hub.bundle.retrained import won_levels
    from ticket_hub.hub.peeking import peek, peek_experiments

    source = hub.location
    try:
        snapshot, manifest = peek(hub, repo)
        if snapshot.private:
            return Mirrored(repo=repo, done="left out", reason="It is private there.")
        # Apart from facts of the same manifest here, which are checked: these are as stated there.
        key = hashlib.sha256(b"mirrored\0" + encoding.encode(manifest)).hexdigest()
        won = won_levels(manifest, peek_experiments(hub, snapshot, manifest))
        facts = facts_of(manifest, None, won=won)
    except HubUnavailableError:
        raise
    except (BundleError, HubError) as error:
        return Mirrored(repo=repo, done="left out", reason=str(error))
    visible = settings.visibility
    # Nobody here owns a mirrored ticket: if it were private, no account would see it.
    visibility = Visibility.ACCOUNTS if visible == Visibility.PRIVATE else visible
    listed = Listed.mirrored(source, repo, snapshot.commit, visibility=visibility, at=now())
    values = {"bundle_id": manifest.id, "problem": "", "facts": canonical_json(facts).decode()}
    changed = database.transact(lambda session: _enter(session, listed, key, values))
    return Mirrored(repo=repo, done="listed" if changed else "unchanged")


def _enter(session: Session, listed: Listed, key: str, facts: Mapping[str, str]) -> bool:
    statement = select(TicketEntry).where(TicketEntry.id == listed.fields["id"])
    before = session.scalar(statement)
    if before is not None:
        listed.fields["created_at"] = before.created_at
        same = ("head", "visibility")
        if before.manifest == key and all(
            getattr(before, name) == listed.fields[name] for name in same
        ):
            return False
    list_mirrored(session, listed, keep_facts(session, key, facts))
    return True
