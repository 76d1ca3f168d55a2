"""The tables of the catalog: what the bundles of this hub, and of hubs it mirrors, say.

Everything but `evidence` that was sent here follows from the contents of commits, and can be made
again from them at any time (`ticket hub index --rebuild`). Facts are named by the sha256 of the
manifest that they were read from, so that every version of a ticket keeps its own, and copies share
them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Double, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ticket_hub_api.store.tables import Base, now

__all__ = [
    "NOT_MEASURED",
    "BundleFacts",
    "Evidence",
    "EvidenceLevel",
    "TicketEntry",
    "TicketLevel",
    "TicketVersion",
]

NOT_MEASURED = -1.0
"""Stands for an accuracy that nobody measured, so that it can be sorted and compared."""

_Name = String(200).with_variant(String(200, collation="C"), "postgresql")


class BundleFacts(Base):
    """What one manifest and its curves say, as JSON; or the problem that makes it unusable."""

    __tablename__ = "bundle_facts"
    manifest: Mapped[str] = mapped_column(String(64), primary_key=True)
    bundle_id: Mapped[str] = mapped_column(String(64), default="", index=True)
    problem: Mapped[str] = mapped_column(Text, default="")
    facts: Mapped[str] = mapped_column(Text, default="{}")


class TicketVersion(Base):
    """A commit that was looked at: its manifest, if any, and what is wrong with the bundle.

    `said` is what the files beside the manifest say of it (`catalog.said.Said`); `signers` a digest
    over whom the operator trusted when its signature was read, empty where there is none.
    """

    __tablename__ = "ticket_versions"
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    oid: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int]
    manifest: Mapped[str] = mapped_column(String(64), default="", index=True)
    problem: Mapped[str] = mapped_column(Text, default="")
    said: Mapped[str] = mapped_column(Text, default="")
    signers: Mapped[str] = mapped_column(String(64), default="", index=True)


_FILTERED = (
    "visibility", "owner_id", "network", "dataset", "density_bits", "accuracy_bits", "verdicts",
)  # fmt: skip


class TicketEntry(Base):
    """A ticket as lists show it: the default ticket of a repository's head, or a mirrored one.

    `number` follows from `id`; it is what the index of words knows the ticket by. `density_bits`,
    `accuracy_bits` and `verdicts` have a bit for what each level is near to (see `entries`), so
    that most tickets can be passed over without a look at `ticket_levels`. Each order has an index
    with all that is filtered by, so that rows are read only where they are shown. `repository_id`
    is null where `source` names the hub that the ticket was mirrored from. `replays` counts the
    accounts of others that trained it again, `identical` those with the same bits, and
    `replay_rank` is what they are ordered by.
    """

    __tablename__ = "tickets"
    __table_args__ = (
        Index("tickets_by_kind", "network", "dataset"),
        Index("tickets_by_update", "updated_at", "id", *_FILTERED, "key"),
        Index("tickets_by_name", "key", "id", *_FILTERED),
        Index("tickets_by_accuracy", "accuracy", "id", *_FILTERED, "key"),
        Index("tickets_by_density", "density", "id", *_FILTERED, "key"),
        Index("tickets_by_replays", "replay_rank", "id", *_FILTERED, "key"),
    )
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[str] = mapped_column(String(24), unique=True)
    repository_id: Mapped[str | None] = mapped_column(ForeignKey("repositories.id"), index=True)
    source: Mapped[str] = mapped_column(String(300), default="")
    owner_id: Mapped[str] = mapped_column(String(24), default="")
    visibility: Mapped[str] = mapped_column(String(16))
    namespace: Mapped[str] = mapped_column(String(96))
    name: Mapped[str] = mapped_column(String(96))
    key: Mapped[str] = mapped_column(_Name)
    head: Mapped[str] = mapped_column(String(40))
    manifest: Mapped[str] = mapped_column(ForeignKey("bundle_facts.manifest"), index=True)
    bundle_id: Mapped[str] = mapped_column(String(64), index=True)
    network: Mapped[str] = mapped_column(String(200))
    dataset: Mapped[str] = mapped_column(String(200))
    recipe: Mapped[str] = mapped_column(String(200))
    trials: Mapped[int]
    levels: Mapped[int]
    prunable: Mapped[int] = mapped_column(BigInteger)
    level: Mapped[int]
    rule: Mapped[str] = mapped_column(String(24))
    density: Mapped[float] = mapped_column(Double)
    accuracy: Mapped[float] = mapped_column(Double)
    low: Mapped[float | None] = mapped_column(Double)
    high: Mapped[float | None] = mapped_column(Double)
    gain: Mapped[float | None] = mapped_column(Double)
    gain_low: Mapped[float | None] = mapped_column(Double)
    gain_high: Mapped[float | None] = mapped_column(Double)
    n: Mapped[int]
    verdict: Mapped[str] = mapped_column(String(24))
    density_bits: Mapped[int] = mapped_column(BigInteger)
    accuracy_bits: Mapped[int] = mapped_column(BigInteger)
    verdicts: Mapped[int]
    words: Mapped[str] = mapped_column(Text)
    replays: Mapped[int] = mapped_column(default=0)
    identical: Mapped[int] = mapped_column(default=0)
    replay_rank: Mapped[int] = mapped_column(BigInteger, default=0)
    signed_by: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now)


class TicketLevel(Base):
    """One level of a ticket, for filters."""

    __tablename__ = "ticket_levels"
    __table_args__ = (
        Index("ticket_levels_by_ticket", "ticket_id", "density", "accuracy", "verdict"),
        Index("ticket_levels_by_density", "density", "accuracy", "verdict", "ticket_id"),
    )
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True)
    density: Mapped[float] = mapped_column(Double)
    accuracy: Mapped[float] = mapped_column(Double)
    verdict: Mapped[str] = mapped_column(String(24))


class Evidence(Base):
    """An experiment with a ticket's bundle, as `evidence.json` of a retrain records it.

    `origin` is `bundle` where a push brought it along, and `upload` where `sender` sent it here.
    It is shown with every ticket of its repository's bundle.
    """

    __tablename__ = "evidence"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    bundle_id: Mapped[str] = mapped_column(String(64), index=True)
    origin: Mapped[str] = mapped_column(String(16))
    sender: Mapped[str] = mapped_column(String(96), default="")
    experiment: Mapped[str] = mapped_column(String(64))
    found_on: Mapped[str] = mapped_column(String(200))
    dataset: Mapped[str] = mapped_column(String(200), index=True)
    network: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)


class EvidenceLevel(Base):
    """What an experiment says of one level; `place` is the level as a text, for ordering.

    `tickets` is how many different tickets the n trials are of.
    """

    __tablename__ = "evidence_levels"
    evidence_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(String(4))
    density: Mapped[float] = mapped_column(Double)
    transferred: Mapped[float] = mapped_column(Double)
    head: Mapped[str] = mapped_column(String(24))
    n: Mapped[int]
    tickets: Mapped[int | None]
    accuracy: Mapped[float] = mapped_column(Double)
    low: Mapped[float | None] = mapped_column(Double)
    high: Mapped[float | None] = mapped_column(Double)
    gain: Mapped[float | None] = mapped_column(Double)
    gain_low: Mapped[float | None] = mapped_column(Double)
    gain_high: Mapped[float | None] = mapped_column(Double)
    verdict: Mapped[str] = mapped_column(String(24))
    reason: Mapped[str] = mapped_column(Text)
