"""Files that no manifest vouches for: card, signature, and the records of replays by others."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from ticket_hub.bundle import encoding, layout
from ticket_hub.bundle.card_marks import has_seal
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.replay_record import decode_replay
from ticket_hub.durable import write_bytes
from ticket_hub.errors import BundleError, HubError, HubUnavailableError
from ticket_hub.hub.base import Hub, Snapshot
from ticket_hub.hub.cache import Cache
from ticket_hub.hub.peeking import peek

__all__ = ["bring_beside", "bring_replays", "files_beside", "goes_without_card"]


def files_beside(folder: Path) -> list[str]:
    """What is in a bundle's folder and belongs to it, though no manifest lists it."""
    replays = sorted((folder / layout.REPLAYS).glob("*.json"))
    found = [layout.SIGNATURE, *(f"{layout.REPLAYS}/{path.name}" for path in replays)]
    return [name for name in found if layout.is_beside(name) and (folder / name).is_file()]


def goes_without_card(hub: Hub, cache: Cache, snapshot: Snapshot, manifest: Manifest) -> bool:
    """Whether a pull leaves the README.md out.

    No manifest vouches for one that a person has written on the hub. Where the hub cannot be asked,
    it is left out if it was so the last time.
    """
    record = manifest.files[layout.CARD]
    if not snapshot.confirmed:
        return not cache.blob(record.sha256).is_file()
    sizes = {file.path: file.size for file in snapshot.files}
    # The same size is fetched and hashed like every file; one that is not there is said as an
    # error.
    if sizes.get(layout.CARD) in {None, record.size}:
        return False
    # A card of ours that is not the manifest's was damaged or is of another push, and is refused.
    return not has_seal(hub.read(snapshot, layout.CARD, limit=layout.MAX_CARD_BYTES))


def bring_beside(hub: Hub, snapshot: Snapshot, folder: Path, *, again: bool) -> None:
    """Have the signature and the records of replays, which no manifest vouches for.

    A commit never changes, so what is here is not asked for again. A record that is not what its
    name says, or one of too many, is left out: what a stranger adds shall keep nobody from a
    ticket.
    """
    names = [file.path for file in snapshot.files if layout.is_beside(file.path)]
    for name in names[: layout.MAX_REPLAYS + 1]:
        if (folder / name).is_file() and not again:
            continue
        signs = name == layout.SIGNATURE
        most = layout.MAX_SIGNATURE_BYTES if signs else layout.MAX_REPLAY_BYTES
        try:
            data = hub.read(snapshot, name, limit=most)
        # It might answer the next time: leaving the record out would look as if there was none.
        except HubUnavailableError:
            raise
        except HubError:
            # Without its signature a signed bundle would look unsigned.
            if signs:
                raise
            continue
        if signs or layout.replay_file(hashlib.sha256(data).hexdigest()) == name:
            write_bytes(folder / name, data)


def bring_replays(hub: Hub, repo: str, folder: Path) -> None:
    """Have the records of replays that others have added to the tickets of a bundle that is here.

    Where the hub does not have these tickets, or cannot say, none come.
    """
    manifest = encoding.decode((folder / layout.MANIFEST).read_bytes())
    # Comparing replays goes on without those that cannot be had.
    with contextlib.suppress(HubError, BundleError):
        snapshot, there = peek(hub, repo)
        # The repository may have other tickets by now, whose replays say nothing of these.
        if there.id == manifest.id:
            names = [file.path for file in snapshot.files if layout.is_replay(file.path)]
            for name in names[: layout.MAX_REPLAYS]:
                if not (folder / name).is_file():
                    data = hub.read(snapshot, name, limit=layout.MAX_REPLAY_BYTES)
                    decode_replay(data, name)
                    write_bytes(folder / name, data)
