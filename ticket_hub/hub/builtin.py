"""Tickets that come with the package, `builtin:NAME`: there to be tried before any hub is asked.

Each is a bundle that `make gallery` has found, in a folder of `packaged/`.
"""

from __future__ import annotations

from pathlib import Path

from ticket_hub.bundle.layout import MANIFEST
from ticket_hub.errors import TicketNotFoundError
from ticket_hub.patterns import COMMIT

__all__ = [
    "BUILTIN",
    "PACKAGED",
    "builtin_folder",
    "builtin_names",
    "is_packaged",
    "stays_as_it_is",
]

BUILTIN = "builtin:"
PACKAGED = Path(__file__).parent / "packaged"


def builtin_names() -> list[str]:
    """`builtin:digits`, and all others that come with the package."""
    return [f"{BUILTIN}{each.parent.name}" for each in sorted(PACKAGED.glob(f"*/{MANIFEST}"))]


def builtin_folder(place: str) -> Path | None:
    """The folder of a ticket of the package; None of what does not begin as one.

    Raises:
        TicketNotFoundError: the package has no such ticket.
    """
    if not place.startswith(BUILTIN):
        return None
    if place not in builtin_names():
        raise TicketNotFoundError(
            f"No ticket {place[:80]!r} comes with Ticket Hub.",
            f"There is {', '.join(builtin_names())}.",
        )
    return PACKAGED / place.removeprefix(BUILTIN)


def stays_as_it_is(bundle: Path) -> bool:
    """Whether a bundle is a copy of what a hub or the package has, which nobody shall change."""
    place = bundle.resolve()
    # By the form of the path, see `Cache`: the cache may be in any folder, as `cache_dir` says.
    pulled = place.parts[-5:-4] == ("hubs",) and COMMIT.fullmatch(place.name) is not None
    return pulled or is_packaged(bundle)


def is_packaged(bundle: Path) -> bool:
    """Whether a bundle comes with the package."""
    return PACKAGED.resolve() in bundle.resolve().parents
