"""What a bundle on a hub says of itself, read without pulling it."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from ticket_hub.bundle import encoding, layout
from ticket_hub.bundle.cost_record import CostRecord, decode_costs
from ticket_hub.bundle.files import changed
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.replay_record import decode_replay
from ticket_hub.errors import (
    BundleError,
    HubError,
    HubNotFoundError,
    HubUnavailableError,
    SignatureError,
)
from ticket_hub.hub.base import Hub, Snapshot
from ticket_hub.signing.envelope import read_envelope
from ticket_hub.signing.replays import ReplaySummary, summarize

if TYPE_CHECKING:
    from ticket_hub.bundle.experiment_record import ExperimentRecord
    from ticket_hub.bundle.metrics import CurveRecord
    from ticket_hub.bundle.reproduction_record import ReproductionRecord

__all__ = [
    "peek",
    "peek_costs",
    "peek_curves",
    "peek_experiments",
    "peek_replays",
    "peek_reproductions",
    "read_manifest",
]


def peek(hub: Hub, repo: str, revision: str | None = None) -> tuple[Snapshot, Manifest]:
    """The manifest of a repository's bundle, and nothing else of it.

    Raises:
        HubError: the hub has no such repository or revision, refuses, or does not answer.
        BundleError: what the hub has is no bundle.
    """
    snapshot = hub.snapshot(repo, revision)
    return snapshot, read_manifest(hub, snapshot)[1]


def peek_experiments(
    hub: Hub, snapshot: Snapshot, manifest: Manifest
) -> tuple[ExperimentRecord, ...]:
    """The evidence that was made elsewhere with the tickets of a repository's bundle.

    Raises:
        HubError, BundleError: as `peek`.
    """
    if not manifest.experiments:
        return ()
    from ticket_hub.bundle.record_reading import record_in  # slow: statistics need NumPy

    return tuple(
        record_in(manifest, _content(hub, snapshot, manifest, name), name)
        for name in manifest.experiments
    )


def peek_reproductions(
    hub: Hub, snapshot: Snapshot, manifest: Manifest
) -> tuple[ReproductionRecord, ...]:
    """The claims that were tried with the tickets of a repository's bundle.

    Raises:
        HubError, BundleError: as `peek`.
    """
    if not manifest.reproductions:
        return ()
    from ticket_hub.bundle.reproduction_reading import reproduction_in  # slow likewise
    from ticket_hub.bundle.reproduction_record import by_number

    return by_number(
        reproduction_in(manifest, _content(hub, snapshot, manifest, name), name)
        for name in manifest.reproductions
    )


def peek_replays(hub: Hub, snapshot: Snapshot, manifest: Manifest) -> ReplaySummary:
    """What others found who trained the tickets of a repository's bundle again.

    Records that are none, or are about other tickets, are passed over.

    Raises:
        HubUnavailableError: the hub does not answer.
    """
    names = [file.path for file in snapshot.files if layout.is_replay(file.path)]
    if not names:
        return ReplaySummary()
    records = []
    for name in names[: layout.MAX_REPLAYS]:
        data = _read_beside(hub, snapshot, name, layout.MAX_REPLAY_BYTES)
        with contextlib.suppress(BundleError):
            record = decode_replay(data, name)
            records += [record] if record.bundle == manifest.id else []
    own_key = ""
    if any(file.path == layout.SIGNATURE for file in snapshot.files):
        data = _read_beside(hub, snapshot, layout.SIGNATURE, layout.MAX_SIGNATURE_BYTES)
        with contextlib.suppress(SignatureError):
            own_key = read_envelope(data, layout.SIGNATURE).key_id
    owner = snapshot.repo.partition("/")[0]
    return summarize(records, own_names=[owner], own_key=own_key)


def _read_beside(hub: Hub, snapshot: Snapshot, name: str, limit: int) -> bytes:
    """A file that no manifest vouches for; nothing where the hub cannot give it."""
    try:
        return hub.read(snapshot, name, limit=limit)
    except HubUnavailableError:
        raise
    except HubError:
        return b""


def peek_costs(hub: Hub, snapshot: Snapshot, manifest: Manifest) -> tuple[CostRecord, ...]:
    """What the tickets of a repository's bundle were measured to cost.

    Raises:
        HubError, BundleError: as `peek`.
    """
    if layout.COSTS not in manifest.files:
        return ()
    return decode_costs(_content(hub, snapshot, manifest, layout.COSTS), manifest)


def peek_curves(hub: Hub, snapshot: Snapshot, manifest: Manifest) -> tuple[CurveRecord, ...]:
    """The curves of a repository's bundle.

    Raises:
        HubError, BundleError: as `peek`.
    """
    from ticket_hub.bundle.metrics import parse_lines  # slow likewise

    lines = _content(hub, snapshot, manifest, layout.METRICS).splitlines(keepends=True)
    return tuple(parse_lines(lines))


def read_manifest(hub: Hub, snapshot: Snapshot) -> tuple[bytes, Manifest]:
    """The manifest at a commit: its bytes, and what they say.

    Raises:
        HubNotFoundError: there is none, so the repository holds no ticket.
        HubError, BundleError: as `peek`.
    """
    if all(file.path != layout.MANIFEST for file in snapshot.files):
        raise HubNotFoundError(
            f"{snapshot.repo} holds no ticket: it has no {layout.MANIFEST}.",
            "`ticket search` lists the repositories that do.",
        )
    data = hub.read(snapshot, layout.MANIFEST, limit=layout.MAX_MANIFEST_BYTES)
    return data, encoding.decode(data)


def _content(hub: Hub, snapshot: Snapshot, manifest: Manifest, name: str) -> bytes:
    record = manifest.files[name]
    data = hub.read(snapshot, name, limit=record.size)  # whatever the hub would send
    if hashlib.sha256(data).hexdigest() != record.sha256:
        raise changed(name)
    return data
