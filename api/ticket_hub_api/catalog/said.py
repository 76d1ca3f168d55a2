"""What the files beside a bundle say of it: its signature, and the records of replays.

They are read once, when the commit that has them is looked at, and kept with it as a text: who
counts among those who replayed it follows from the history of the repository, and may change with
its owner, without any file being read again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ticket_hub.bundle import layout
from ticket_hub.bundle.replay_record import Outcome, decode_replay
from ticket_hub.durable import canonical_json
from ticket_hub.errors import BundleError, SignatureError
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.objects import open_content
from ticket_hub_api.store.tables import Repository
from ticket_hub_api.store.ticket_tables import TicketVersion
from ticket_hub_api.store.trees import Files
from ticket_hub_api.store.xet.reading import Stores

if TYPE_CHECKING:
    from ticket_hub.signing.keys import PublicKey

__all__ = ["Beside", "RecordedReplay", "Said", "TrustingStores", "is_vouched_for", "read_beside",
           "read_said", "signed_for_others", "signers_digest", "signers_of"]  # fmt: skip


class TrustingStores(Stores, Protocol):
    """Where rows and bytes are, and whom their operator trusts."""

    @property
    def settings(self) -> Settings:
        """The operator's choices."""
        ...


class Beside(NamedTuple):
    """What is kept with a commit: the columns of `TicketVersion` of these names."""

    said: str = ""
    signers: str = ""


@dataclass(frozen=True, kw_only=True)
class RecordedReplay:
    """What of a record of a replay is kept; see `ticket_hub.bundle.replay_record.ReplayRecord`."""

    bundle: str
    who: str
    when: str
    outcome: Outcome
    key_id: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a commit's files say of its bundle.

    Attributes:
        signed_by: the operator's name for the key that has signed it; empty where none of the
            trusted keys has.
        key: the id of the key that the signature names; empty without a sound one.
        replays: name of the file -> what it records.
    """

    signed_by: str = ""
    key: str = ""
    replays: Mapping[str, RecordedReplay] = field(default_factory=dict)

    def to_text(self) -> str:
        """As JSON; empty where nothing is said."""
        return canonical_json(asdict(self)).decode() if self.key or self.replays else ""

    @classmethod
    def from_text(cls, text: str) -> Said:
        """What `to_text` gave."""
        if not text:
            return cls()
        table = json.loads(text)
        replays = {name: RecordedReplay(**each) for name, each in table.pop("replays").items()}
        return cls(**table, replays=replays)


def signers_of(settings: Settings) -> Mapping[str, PublicKey]:
    """The keys that the operator trusts, by name.

    Raises:
        SignatureError: one is none, or cryptography is not installed.
    """
    if not settings.trusted_keys:
        return {}
    from ticket_hub.signing.keys import keys_in

    return keys_in(Path(settings.trusted_keys))


def signers_digest(signers: Mapping[str, PublicKey]) -> str:
    """A digest over whom the operator trusts: another one, and signatures are to be read again."""
    names = {name: key.id for name, key in signers.items()}
    return hashlib.sha256(canonical_json(names)).hexdigest()


def is_vouched_for(names: Iterable[str]) -> bool:
    """Whether among the files of a commit are any that `read_said` reads."""
    return any(name == layout.SIGNATURE or layout.is_replay(name) for name in names)


def read_said(
    stores: Stores,
    connection: Connection,
    digests: Mapping[str, str],
    signers: Mapping[str, PublicKey],
) -> Said:
    """Read the signature and the records beside a manifest; those that are none say nothing.

    Args:
        digests: path -> sha256 of every file of the commit, the manifest's among them.
    """
    key, signed_by = _signature(stores, connection, digests, signers)
    names = [name for name in digests if layout.is_replay(name)][: layout.MAX_REPLAYS]
    replays = {}
    for name in names:
        try:
            data = open_content(stores, connection, digests[name]).head(layout.MAX_REPLAY_BYTES)
            record = decode_replay(data, name)
        except BundleError:
            continue
        same = ("bundle", "who", "when", "outcome", "key_id")
        replays[name] = RecordedReplay(**{each: getattr(record, each) for each in same})
    return Said(signed_by=signed_by, key=key, replays=replays)


def read_beside(stores: TrustingStores, connection: Connection, files: Files) -> Beside:
    """What is kept of the files beside the manifest of a commit.

    Raises:
        SignatureError: as `signers_of`.
    """
    if not is_vouched_for(files):
        return Beside()
    signers = signers_of(stores.settings)
    digests = {path: entry.sha256 for path, entry in files.items()}
    said = read_said(stores, connection, digests, signers)
    signed = layout.SIGNATURE in files
    return Beside(said.to_text(), signers_digest(signers) if signed else "")


def signed_for_others(stores: TrustingStores) -> list[tuple[str, str]]:
    """The newest commits whose signatures were read when others were trusted: repository and id.

    Raises:
        SignatureError: as `signers_of`.
    """
    trusted = signers_digest(signers_of(stores.settings))
    statement = (
        select(TicketVersion.repository_id, TicketVersion.oid)
        .join(
            Repository,
            (Repository.id == TicketVersion.repository_id) & (Repository.head == TicketVersion.oid),
        )
        .where(TicketVersion.signers.not_in(["", trusted]))
        .order_by(TicketVersion.repository_id)
    )
    with stores.database.read() as connection:
        return [(row.repository_id, row.oid) for row in connection.execute(statement)]


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
