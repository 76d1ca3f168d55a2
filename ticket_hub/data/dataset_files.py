"""Where the files of a published data set are looked for, and how they are known to be right."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ticket_hub.errors import DataCorruptError, DataNotFoundError, TicketHubError

__all__ = ["DatasetFiles", "Fetch"]

Fetch: TypeAlias = Callable[[str, Path], None]
"""Put the files of a named data set under a folder, or raise DataNotFoundError."""


@dataclass(frozen=True, kw_only=True)
class DatasetFiles:
    """A folder in torchvision's layout.

    Attributes:
        name: of the data set, for messages and for `fetch`.
        root: the folder.
        digests: place -> `sha256:HEX` or `md5:HEX` of the unpacked bytes.
        fetch: brings what is missing; None never touches the network.
    """

    name: str
    root: Path
    digests: Mapping[str, str]
    fetch: Fetch | None

    def require(self, *files: str) -> None:
        """Fetch the data set if any of its files is missing.

        Raises:
            DataNotFoundError: files are missing and cannot be fetched.
        """
        if not self.missing(*files):
            return
        reason = "downloading is switched off"
        if self.fetch is not None:
            try:
                self.fetch(self.name, self.root)
            except TicketHubError as error:
                reason = error.problem.rstrip(".")
            else:
                reason = "the download did not bring them"
        if missing := self.missing(*files):
            raise DataNotFoundError(
                f"The data set {self.name!r} is not complete: looked in {self.root} for "
                f"{', '.join(missing)} (also with .gz), and {reason}.",
                "Put these files there as torchvision lays them out, name the folder that has "
                "them with --data-dir or TICKET_DATA, or try again with a network.",
            )

    def missing(self, *files: str) -> list[str]:
        """Those of the files that are not there."""
        return [file for file in files if self._find(file) is None]

    def read(self, file: str) -> bytes:
        """The unpacked bytes of a file, known to be the published ones.

        Raises:
            DataNotFoundError: it is not there.
            DataCorruptError: it cannot be unpacked, or its digest is another.
        """
        self.require(file)
        path = self._find(file)
        assert path is not None
        with self.parsing(file):
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        self._verify(file, path, data)
        return data

    @contextlib.contextmanager
    def parsing(self, file: str) -> Iterator[None]:
        """Whatever goes wrong inside is the fault of this file.

        Raises:
            DataCorruptError: in place of every other exception.
        """
        try:
            yield
        except TicketHubError:
            raise
        except Exception as error:  # a parser of strange bytes may raise anything
            raise self._corrupt(file, str(error) or type(error).__name__) from error

    def _find(self, file: str) -> Path | None:
        plain = self.root / file
        for path in (plain, plain.with_name(f"{plain.name}.gz")):
            if path.is_file():
                return path
        return None

    def _verify(self, file: str, path: Path, data: bytes) -> None:
        if file not in self.digests:
            return
        kind, _, wanted = self.digests[file].partition(":")
        found = hashlib.new(kind, data, usedforsecurity=kind != "md5").hexdigest()
        if found != wanted:
            raise DataCorruptError(
                f"{path} is not the published file: its {kind} is {found} and should be {wanted}.",
                "Delete it and fetch it again; for data of your own use folder:PATH.",
            )

    def _corrupt(self, file: str, reason: str) -> DataCorruptError:
        return DataCorruptError(
            f"{self._find(file) or self.root / file} cannot be read: {reason}.",
            "Delete it and fetch it again.",
        )
