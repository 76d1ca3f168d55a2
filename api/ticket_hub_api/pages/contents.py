"""What a page needs of a ticket's files: its card, and the files that its evidence is in."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from ticket_hub.bundle.layout import (
    CARD,
    CONFIG,
    MANIFEST,
    MAX_EVIDENCE_BYTES,
    MAX_EVIDENCE_FILES,
    METRICS,
    is_evidence,
    is_reproduction,
    mask_file,
)
from ticket_hub.errors import BundleError
from ticket_hub_api.catalog.ticket_shapes import TicketDetail
from ticket_hub_api.services import Services
from ticket_hub_api.store.objects import Content, open_content

if TYPE_CHECKING:
    from ticket_hub.bundle import Bundle
    from ticket_hub.bundle.reproduction_record import ReproductionRecord

__all__ = ["EvidenceFiles", "card_of", "evidence_of", "mask_of", "tried_claims"]

MAX_METRICS_BYTES = 64 << 20
MAX_MASK_BYTES = 16 << 20
"""Of a mask that is drawn: 128 million weights."""


@dataclass(frozen=True, kw_only=True)
class EvidenceFiles:
    """The files of a ticket that its evidence is in.

    Attributes:
        digest: sha256 of the manifest, which names all others by theirs.
        files: path -> content.
    """

    digest: str
    files: Mapping[str, Content]

    @contextlib.contextmanager
    def opened(self) -> Iterator[Bundle]:
        """The bundle, without masks and weights, in a folder that is gone afterwards.

        Raises:
            BundleError: it breaks the format.
        """
        from ticket_hub.bundle import open_bundle  # which imports torch

        with tempfile.TemporaryDirectory(prefix="ticket-evidence-") as name:
            for path, content in self.files.items():
                place = Path(name) / path
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("wb") as file:
                    file.writelines(content.read(0, content.size))
            yield open_bundle(Path(name))


def evidence_of(
    services: Services, connection: Connection, ticket: TicketDetail
) -> EvidenceFiles | None:
    """Where a ticket's evidence is, or None: nothing was measured, it is elsewhere, or huge."""
    sizes = {file.path: file.size for file in ticket.files}
    measured = any(level["evidence"] for level in ticket.description["levels"])
    # Of a mirrored ticket the facts alone are here; its files are on the hub it is from.
    if ticket.source or not measured or sizes.get(METRICS, 0) > MAX_METRICS_BYTES:
        return None
    digests = {file.path: file.sha256 for file in ticket.files}
    files = {
        path: open_content(services, connection, digests[path])
        for path in (MANIFEST, CONFIG, METRICS, *_experiments(digests))
    }
    return EvidenceFiles(digest=digests[MANIFEST], files=files)


def mask_of(
    services: Services, connection: Connection, ticket: TicketDetail
) -> EvidenceFiles | None:
    """Where the mask of the ticket that is meant is, or None: it is elsewhere, or huge."""
    chosen = ticket.description["default"]
    path = mask_file(chosen["trial"], chosen["level"])
    files = {file.path: file for file in ticket.files}
    if ticket.source or path not in files or files[path].size > MAX_MASK_BYTES:
        return None
    return EvidenceFiles(
        digest=files[MANIFEST].sha256,
        files={
            name: open_content(services, connection, files[name].sha256)
            # What experiments showed decides which ticket is meant.
            for name in (MANIFEST, CONFIG, path, *_experiments(files))
        },
    )


def _experiments(paths: Iterable[str]) -> Iterator[str]:
    """The records of experiments, no more than a bundle may have, whatever was uploaded."""
    return islice(filter(is_evidence, paths), MAX_EVIDENCE_FILES)


def tried_claims(
    services: Services, connection: Connection, ticket: TicketDetail
) -> tuple[ReproductionRecord, ...]:
    """The claims that were tried with a ticket's bundle; a damaged record is left out."""
    files = [file for file in ticket.files if is_reproduction(file.path)]
    if ticket.source or not files:
        return ()
    from ticket_hub.bundle.reproduction_reading import decode_reproduction  # which imports NumPy
    from ticket_hub.bundle.reproduction_record import by_number

    records = []
    for file in files:
        data = open_content(services, connection, file.sha256).head(MAX_EVIDENCE_BYTES)
        with contextlib.suppress(BundleError):
            records.append(decode_reproduction(data, source=file.path))
    return by_number(records)


def card_of(
    services: Services, connection: Connection, ticket: TicketDetail, most: int
) -> str | None:
    """A ticket's card as text, or None where there is none, or it has more than `most` bytes."""
    file = next((file for file in ticket.files if file.path == CARD), None)
    if ticket.source or file is None or file.size > most:
        return None
    content = open_content(services, connection, file.sha256)
    # Its owner may have written anything into it.
    return content.head(file.size).decode(errors="replace")
