"""Who vouches for a ticket: its signer, and the accounts that trained it again and said so here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ticket_hub.bundle import layout
from ticket_hub.bundle.replay_record import ReplayRecord, decode_replay
from ticket_hub.errors import BundleError, SignatureError
from ticket_hub_api.catalog.ticket_shapes import TicketDetail
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.names import MODEL
from ticket_hub_api.store.objects import open_content
from ticket_hub_api.store.tables import Commit, Repository
from ticket_hub_api.store.trees import load_tree
from ticket_hub_api.store.xet.reading import Stores

if TYPE_CHECKING:
    from ticket_hub.signing.keys import PublicKey

__all__ = ["Replay", "Vouching", "signers_of", "vouching_of"]


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


def signers_of(settings: Settings) -> Mapping[str, PublicKey]:
    """The keys that the operator trusts, by name.

    Raises:
        SignatureError: one is none, or cryptography is not installed.
    """
    if not settings.trusted_keys:
        return {}
    from ticket_hub.signing.keys import keys_in

    return keys_in(Path(settings.trusted_keys))


def vouching_of(
    stores: Stores,
    connection: Connection,
    ticket: TicketDetail,
    signers: Mapping[str, PublicKey],
) -> Vouching:
    """Who vouches for a ticket, by its files and by who committed them."""
    from ticket_hub.signing.replays import ReplaySummary

    digests = {file.path: file.sha256 for file in ticket.files}
    names = [name for name in digests if layout.is_replay(name)][: layout.MAX_REPLAYS]
    if ticket.source or not (names or layout.SIGNATURE in digests):
        return Vouching()
    key, signed_by = _signature(stores, connection, digests, signers)
    records = {}
    for name in names:
        try:
            data = open_content(stores, connection, digests[name]).head(layout.MAX_REPLAY_BYTES)
            record = decode_replay(data, name)
        except BundleError:
            continue
        if record.bundle == ticket.description["id"]:
            records[name] = record
    authors, own = _authors(connection, ticket, records)
    latest = {
        authors[name]: name
        for name, record in sorted(records.items(), key=lambda each: each[1].when)
        if authors[name].lower() not in own and not (key and record.key_id == key)
    }
    summary = ReplaySummary.of([records[name] for name in latest.values()])
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
        signed_by=signed_by,
        key=key,
        replays=tuple(sorted(replays, key=lambda each: each.when, reverse=True)),
        **vars(summary),
        sentence=summary.sentence,
    )


def _signature(
    stores: Stores,
    connection: Connection,
    digests: Mapping[str, str],
    signers: Mapping[str, PublicKey],
) -> tuple[str, str]:
    """The id of the key that has signed, and the operator's name for it; empty texts without."""
    from ticket_hub.bundle import encoding
    from ticket_hub.signing.envelope import read_envelope
    from ticket_hub.signing.model_signature import covering

    if layout.SIGNATURE not in digests:
        return "", ""
    signature = open_content(stores, connection, digests[layout.SIGNATURE])
    manifest = open_content(stores, connection, digests[layout.MANIFEST])
    try:
        data = signature.head(layout.MAX_SIGNATURE_BYTES + 1)
        found = covering(
            read_envelope(data, layout.SIGNATURE),
            encoding.decode(manifest.head(layout.MAX_MANIFEST_BYTES)),
            digests,
            signers,
        )
    except (SignatureError, BundleError):
        return "", ""
    return found.key_id, found.signer


def _authors(
    connection: Connection, ticket: TicketDetail, records: Mapping[str, ReplayRecord]
) -> tuple[dict[str, str], Collection[str]]:
    """Who committed each record first, and who pushed the tickets, in small letters."""
    owner = ticket.repo.partition("/")[0].lower()
    if not records:
        return {}, {owner}
    history = (
        select(Commit.author, Commit.tree)
        .join(Repository, Repository.id == Commit.repository_id)
        .where(Repository.key == f"{MODEL}/{ticket.repo.lower()}")
        .order_by(Commit.number)
    )
    authors: dict[str, str] = {}
    own, manifests = {owner}, set()
    for author, tree in connection.execute(history):
        files = load_tree(connection, tree)
        manifest = files.get(layout.MANIFEST)
        if manifest is not None and manifest.sha256 not in manifests:
            manifests.add(manifest.sha256)
            own.add(author.lower())
        for name in records.keys() & files.keys() - authors.keys():
            authors[name] = author
    return authors, own
