"""Who vouches for a ticket: its signer, and the accounts that trained it again and said so here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ticket_hub.bundle import layout
from ticket_hub_api.catalog.said import Said, is_vouched_for, read_said
from ticket_hub_api.catalog.ticket_shapes import TicketDetail
from ticket_hub_api.store.names import MODEL
from ticket_hub_api.store.tables import Commit, Repository
from ticket_hub_api.store.trees import load_tree
from ticket_hub_api.store.xet.reading import Stores

if TYPE_CHECKING:
    from ticket_hub.signing.keys import PublicKey

__all__ = ["Replay", "Vouching", "vouching", "vouching_of"]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """A replay as it was added to a ticket's repository.

    Attributes:
        account: that added it.
        counts: whether it is the latest of an account that neither owns nor pushed these tickets.
        who, when, outcome: as its record says.
    """

    account: str
    counts: bool
    who: str
    when: str
    outcome: str


@dataclass(frozen=True, kw_only=True)
class Vouching:
    """Who vouches for a ticket.

    Attributes:
        signed_by: the operator's name for the key that has signed it; empty where none of the
            trusted keys has.
        key: the id of the key that the signature names; empty without a signature.
        replays: the latest first.
        others, identical, reproduced, failed: how many accounts of others replayed it, and with
            which outcome.
        sentence: `replayed by 3 others, 2 bit-identical`; empty where nobody else did.
    """

    signed_by: str = ""
    key: str = ""
    replays: tuple[Replay, ...] = ()
    others: int = 0
    identical: int = 0
    reproduced: int = 0
    failed: int = 0
    sentence: str = ""


def vouching_of(
    stores: Stores,
    connection: Connection,
    ticket: TicketDetail,
    signers: Mapping[str, PublicKey],
) -> Vouching:
    """Who vouches for a ticket, by its files and by who committed them."""
    digests = {file.path: file.sha256 for file in ticket.files}
    if ticket.source or not is_vouched_for(digests):
        return Vouching()
    said = read_said(stores, connection, digests, signers)
    return vouching(connection, ticket.repo, ticket.description["id"], said)


def vouching(database: Connection | Session, repo: str, bundle: str, said: Said) -> Vouching:
    """Who vouches for a bundle, by what its files say and by who committed them.

    Args:
        repo: `owner/name`.
        bundle: its id: records of other tickets say nothing.
    """
    from ticket_hub.signing.replays import ReplaySummary

    records = {name: each for name, each in said.replays.items() if each.bundle == bundle}
    authors, own = _authors(database, repo, records)
    latest = {
        authors[name]: name
        for name, record in sorted(records.items(), key=lambda each: each[1].when)
        if authors[name].lower() not in own and not (said.key and record.key_id == said.key)
    }
    summary = ReplaySummary.of([records[name].outcome for name in latest.values()])
    replays = [
        Replay(
            account=authors[name],
            counts=name in latest.values(),
            who=record.who,
            when=record.when,
            outcome=record.outcome,
        )
        for name, record in records.items()
    ]
    return Vouching(
        signed_by=said.signed_by,
        key=said.key,
        replays=tuple(sorted(replays, key=lambda each: each.when, reverse=True)),
        **vars(summary),
        sentence=summary.sentence,
    )


def _authors(
    database: Connection | Session, repo: str, records: Collection[str]
) -> tuple[dict[str, str], Collection[str]]:
    """Who committed each record first, and who pushed the tickets, in small letters."""
    owner = repo.partition("/")[0].lower()
    if not records:
        return {}, {owner}
    history = (
        select(Commit.author, Commit.tree)
        .join(Repository, Repository.id == Commit.repository_id)
        .where(Repository.key == f"{MODEL}/{repo.lower()}")
        .order_by(Commit.number)
    )
    authors: dict[str, str] = {}
    own, manifests = {owner}, set()
    for author, tree in database.execute(history):
        files = load_tree(database, tree)
        manifest = files.get(layout.MANIFEST)
        if manifest is not None and manifest.sha256 not in manifests:
            manifests.add(manifest.sha256)
            own.add(author.lower())
        for name in set(records) & files.keys() - authors.keys():
            authors[name] = author
    return authors, own
