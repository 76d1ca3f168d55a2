"""A bundle whose card was written for a push is again as it was, where the push is refused."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ticket_hub.bundle import encoding, layout
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import FileRecord
from ticket_hub.bundle.store import Store
from ticket_hub.durable import write_bytes
from ticket_hub.errors import TicketHubError
from ticket_hub.runs.lock import owned

__all__ = ["card_put_back_if_refused"]


@contextlib.contextmanager
def card_put_back_if_refused(folder: Path) -> Iterator[None]:
    """Put back card and signature of a bundle, where what is done inside ends in an error.

    What a search or another command has added meanwhile stays, with the card that shows it.
    """
    before = _Written.of(folder)
    try:
        yield
    except BaseException:
        try:
            if _Written.of(folder) != before:
                before.put_back(folder)
        except (TicketHubError, OSError) as error:
            warnings.warn(f"The card in {folder} is not as it was before: {error}", stacklevel=3)
        raise


@dataclass(frozen=True)
class _Written:
    """The small files that naming and signing a bundle change; None where one is not there."""

    manifest: bytes | None
    card: bytes | None
    signature: bytes | None

    @classmethod
    def of(cls, folder: Path) -> _Written:
        """As they are in a bundle's folder now."""
        places = (folder / name for name in (layout.MANIFEST, layout.CARD, layout.SIGNATURE))
        return cls(*(place.read_bytes() if place.is_file() else None for place in places))

    def put_back(self, folder: Path) -> None:
        """As one write of the bundle, so that every reader sees one state of it, whole."""
        if self.manifest is None or self.card is None:
            return
        manifest = encoding.decode(self.manifest)
        with owned(folder):
            store = Store(folder)
            if store.old is None or _without_card(store.old) != _without_card(manifest):
                return
            store.files = dict(manifest.files)
            store.put(layout.CARD, [self.card])
            store.commit(manifest)
            if self.signature is not None:
                write_bytes(folder / layout.SIGNATURE, self.signature)


def _without_card(manifest: Manifest) -> dict[str, FileRecord]:
    return {name: record for name, record in manifest.files.items() if name != layout.CARD}
