"""Where runs were made outside the usual folder (`--out`), so that `ticket list` finds them."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ticket_hub import home

__all__ = ["remember", "remembered"]


def remember(folder: Path) -> None:
    """Note where a run or an experiment begins; nothing is noted where that cannot be written.

    It is for listing alone: a line of a text file, which nobody waits for.
    """
    place = folder.absolute()
    if place.parent == home.runs_folder().absolute():
        return
    with contextlib.suppress(OSError, UnicodeError):
        file = _file()
        known = file.read_text("utf-8").splitlines() if file.exists() else []
        if str(place) not in known and "\n" not in str(place):
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(f"{place}\n")


def remembered() -> list[Path]:
    """The folders that were noted and are still there, the latest noted last."""
    try:
        lines = _file().read_text("utf-8").splitlines()
    except (OSError, UnicodeError):
        return []
    found = []
    for path in map(Path, dict.fromkeys(lines)):
        with contextlib.suppress(OSError):  # it may not be looked at any more
            found += [path] if path.is_dir() else []
    return found


def _file() -> Path:
    return home.ticket_home() / "run-places.txt"
