"""Replays by others: signed, checked, and counted by who made them."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ticket_hub.bundle.replay_record import Outcome, ReplayRecord, read_replays, unsigned_bytes
from ticket_hub.errors import SignatureError
from ticket_hub.signing.envelope import signed_bytes
from ticket_hub.signing.keys import PrivateKey, PublicKey
from ticket_hub.signing.model_signature import read_signature

__all__ = ["ReplaySummary", "is_genuine", "replays_of", "sign_replay", "summarize"]

KIND = "application/vnd.ticket-hub.replay+json"


@dataclass(frozen=True, kw_only=True)
class ReplaySummary:
    """How often others trained the tickets again, and what came out.

    Attributes:
        others: how many people or machines, each counted once, by the latest of its records.
        identical, reproduced, failed: what they found: the same bits, the accuracies, or neither.
    """

    others: int = 0
    identical: int = 0
    reproduced: int = 0
    failed: int = 0

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> ReplaySummary:
        """The summary of one outcome for each of those who count."""
        return cls(
            others=len(outcomes),
            identical=outcomes.count("bit-identical"),
            reproduced=outcomes.count("reproduced"),
            failed=outcomes.count("not reproduced"),
        )

    @property
    def rank(self) -> tuple[int, int]:
        """More is more believable: replays that came out, then those to the bit."""
        return self.identical + self.reproduced, self.identical

    @property
    def sentence(self) -> str:
        """`replayed by 3 others, 2 bit-identical`; empty where nobody else did."""
        if not self.others:
            return ""
        parts = [f"replayed by {self.others} other{'s' * (self.others != 1)}"]
        parts += [f"{self.identical} bit-identical"] * bool(self.identical)
        parts += [f"{self.reproduced} reproduced"] * bool(self.reproduced)
        parts += [f"{self.failed} not reproduced"] * bool(self.failed)
        return ", ".join(parts)


def sign_replay(record: ReplayRecord, key: PrivateKey) -> ReplayRecord:
    """The record with the key's signature."""
    named = replace(record, key=key.public.pem.decode(), signature="")
    signature = key.sign(signed_bytes(unsigned_bytes(named), KIND))
    return replace(named, signature=base64.b64encode(signature).decode())


def is_genuine(record: ReplayRecord) -> bool:
    """Whether a record was signed with the key that it names, or names none."""
    if not record.key:
        return True
    try:
        key = PublicKey(record.key.encode())
        signature = base64.b64decode(record.signature, validate=True)
    except (SignatureError, ValueError):
        return False
    same = key.pem.decode() == record.key  # one spelling, lest one key count as two
    return same and key.holds(signed_bytes(unsigned_bytes(record), KIND), signature)


def summarize(
    records: Iterable[ReplayRecord], *, own_names: Collection[str] = (), own_key: str = ""
) -> ReplaySummary:
    """Count replays by others: a key stands for one person, and without a key a name does.

    Args:
        own_names: of the author of the tickets, in any case of letters: theirs do not count.
        own_key: the id of the key that signed the bundle.
    """
    latest: dict[str, ReplayRecord] = {}
    own = {name.lower() for name in own_names if name}
    for record in sorted(records, key=lambda each: each.when):
        is_own = record.who.lower() in own or (own_key and record.key_id == own_key)
        if not is_own and is_genuine(record):
            latest[record.key_id or record.who.lower()] = record
    return ReplaySummary.of([record.outcome for record in latest.values()])


def replays_of(folder: Path, bundle: str, *, owner: str = "") -> ReplaySummary:
    """What others found, by the records in the folder of a bundle with this id.

    Args:
        owner: first part of the repository's name, where it is shared.
    """
    try:
        envelope = read_signature(folder)
    except SignatureError:
        envelope = None
    own_key = envelope.key_id if envelope else ""
    return summarize(read_replays(folder, bundle), own_names=[owner], own_key=own_key)
