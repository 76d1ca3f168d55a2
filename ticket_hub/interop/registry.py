"""Importers and exporters are looked up by name; a user's own function joins with one decorator.

    @register_importer("my-system", recognizes=lambda source, _hints: source.suffix == ".npz")
    def read_mine(source: Path, hints: Hints) -> ImportedTickets: ...

    @register_exporter("npz", advice="Read it with `numpy.load`.")
    def write_npz(ticket: TicketContent, path: Path) -> list[Path]: ...

The names are known without PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ticket_hub.registry import Registry

if TYPE_CHECKING:
    from ticket_hub.bundle.ticket import TicketContent
    from ticket_hub.interop.importers.imported import Hints, ImportedTickets

__all__ = [
    "EXPORTERS",
    "IMPORTERS",
    "Exporter",
    "Importer",
    "register_exporter",
    "register_importer",
]

Reader: TypeAlias = "Callable[[Path, Hints], ImportedTickets]"
Writer: TypeAlias = "Callable[[TicketContent, Path], list[Path]]"
R = TypeVar("R", bound=Reader)
W = TypeVar("W", bound=Writer)

_IMPORTERS, _EXPORTERS = "ticket_hub.interop.importers", "ticket_hub.interop.exporters"


@dataclass(frozen=True, kw_only=True)
class Importer:
    """What brings tickets of another system.

    Attributes:
        read: the tickets of a folder or file, given what the user knows.
        recognizes: whether a folder or file looks like that system's.
    """

    read: Reader
    recognizes: Callable[[Path, Hints], bool]


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """What writes a ticket in the form of another library.

    Attributes:
        write: writes the file or folder at a path, and returns the files that it wrote.
        advice: how to read it, as a sentence.
        is_folder: whether it writes a folder.
    """

    write: Writer
    advice: str
    is_folder: bool


IMPORTERS: Registry[Importer] = Registry(
    "importer",
    homes=tuple(
        f"{_IMPORTERS}.{name}" for name in ("google", "open_lth", "pair", "torch_prune", "vita")
    ),
)
"""What `ticket import --from` takes."""
EXPORTERS: Registry[Exporter] = Registry(
    "exporter", homes=tuple(f"{_EXPORTERS}.{name}" for name in ("csr", "onnx", "small", "tensors"))
)
"""What `ticket export --to` takes."""


def register_importer(
    name: str, *, recognizes: Callable[[Path, Hints], bool] = lambda _source, _hints: False
) -> Callable[[R], R]:
    """Register a function that reads what another system left on disk.

    Args:
        name: for `ticket import --from`.
        recognizes: whether a folder or file looks like that system's, for an import without a
            name; what was registered last is asked first.
    """

    def join(read: R) -> R:
        """Register the function as the reader of this name."""
        IMPORTERS.register(name)(Importer(read=read, recognizes=recognizes))
        return read

    return join


def register_exporter(name: str, *, advice: str = "", is_folder: bool = False) -> Callable[[W], W]:
    """Register a function that writes a ticket in the form of another library.

    Args:
        name: for `ticket export --to`.
        advice: how to read what it writes, as a sentence.
        is_folder: whether it writes a folder.
    """

    def join(write: W) -> W:
        """Register the function as the writer of this name."""
        EXPORTERS.register(name)(Exporter(write=write, advice=advice, is_folder=is_folder))
        return write

    return join
