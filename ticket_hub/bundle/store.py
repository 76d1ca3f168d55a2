"""Write the files of a bundle so that every reader sees one state of it, whole.

Masks and theta0 never change once written. What does change (evidence, card, model) is first
staged under its digest; then the manifest is written, which commits the new state; then the staged
files move into place. Until then readers find them by digest. A write that was interrupted is
finished or forgotten by the next.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from ticket_hub.bundle import encoding, layout
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import FileRecord
from ticket_hub.durable import make_folder, open_durable, sync_folder, write_bytes
from ticket_hub.errors import BundleError, BundleFormatError, StorageError

__all__ = ["Store"]


class Store:
    """The folder of a bundle that is being written.

    Args:
        written: what a run has written there already, beside what the manifest lists.

    Attributes:
        old: the manifest that readers see at present, or None.
        files: what the new manifest will list.
    """

    def __init__(self, folder: Path, written: Mapping[str, FileRecord] | None = None) -> None:
        self.folder, self._written = folder, written or {}
        self.old = _present(folder)
        self.files: dict[str, FileRecord] = {}
        self._staging = folder / layout.STAGING
        self._finish()  # a writer that was killed after its manifest has left files to move

    def put(
        self, name: str, chunks: Iterable[bytes | memoryview], *, staged: bool = False
    ) -> FileRecord:
        """Write a file, unless it is there already.

        Args:
            staged: it comes into place only with the manifest, so that none that no manifest
                lists is ever there.

        Raises:
            StorageError: the disk is full, or the file system refuses.
        """
        pieces = list(chunks)
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        record = FileRecord(sha256=digest.hexdigest(), size=sum(map(len, pieces)))
        self.files[name] = record
        path = self.folder / name
        listed = {} if self.old is None else self.old.files
        same = self._written.get(name, listed.get(name)) == record
        if not (same and path.is_file() and path.stat().st_size == record.size):
            # A file that readers may be at is not replaced before the manifest that lists the new
            # one.
            is_listed = self.old is not None and name in self.old.files
            apart = staged or (is_listed and (self.folder / name).is_file())
            place = self._staging / record.sha256 if apart else self.folder / name
            with open_durable(place) as stream:
                stream.writelines(pieces)
        return record

    def is_of_a_run(self, name: str) -> bool:
        """Whether a run has written a file before, and so checked it."""
        return name in self._written

    def keep(self, name: str) -> None:
        """List a file as it is on disk.

        Raises:
            BundleFormatError: it is larger than a bundle may list.
        """
        most = layout.MAX_BYTES[name]
        if (self.folder / name).stat().st_size > most:
            raise BundleFormatError(f"{name} has more than {most} bytes.", "Shorten it.")
        data = (self.folder / name).read_bytes()
        self.files[name] = FileRecord(sha256=hashlib.sha256(data).hexdigest(), size=len(data))

    def commit(self, manifest: Manifest) -> Manifest:
        """Write the manifest, if it is new, and clear away what it no longer lists.

        Raises:
            StorageError: as `put`.
        """
        if manifest != self.old:
            (self.folder / layout.SIGNATURE).unlink(missing_ok=True)  # it is of the old one
            write_bytes(self.folder / layout.MANIFEST, encoding.encode(manifest))
        stale = set() if self.old is None else set(self.old.files) - set(manifest.files)
        self.old = manifest
        self._finish()
        # Last: until its own manifest was replaced, a reader could ask for them.
        for name in stale:
            (self.folder / name).unlink(missing_ok=True)
        return manifest

    def _finish(self) -> None:
        if not self._staging.is_dir():
            return
        listed = {} if self.old is None else self.old.files
        for name, record in listed.items():
            staged = self._staging / record.sha256
            if staged.is_file():
                place = self.folder / name
                try:
                    make_folder(place.parent)
                    staged.replace(place)
                    sync_folder(place.parent)
                except OSError as error:
                    raise StorageError(
                        f"{place} could not be written: {error.strerror or error}.",
                        "The bundle is whole all the same; the next write of it goes on from here.",
                    ) from error
        for rest in self._staging.iterdir():
            rest.unlink()
        with contextlib.suppress(OSError):
            self._staging.rmdir()


def _present(folder: Path) -> Manifest | None:
    try:
        return encoding.decode((folder / layout.MANIFEST).read_bytes())
    except (BundleError, OSError):
        return None
