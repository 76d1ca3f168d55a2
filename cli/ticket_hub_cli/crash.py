"""What happens to an exception that nobody expected."""

from __future__ import annotations

import contextlib
import platform
import secrets
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from ticket_hub import __version__
from ticket_hub.home import ticket_home

__all__ = ["save_traceback"]


def save_traceback(error: BaseException, arguments: Sequence[str]) -> Path | None:
    """Write the traceback to `TICKET_HOME/errors`, or else to the system's folder for such files.

    Returns:
        Where it lies; None if no place takes it.
    """
    lines = traceback.format_exception(error)
    text = (
        f"ticket {' '.join(arguments[:1])}\n"  # the rest of the line may hold a token
        f"Ticket Hub {__version__}, Python {platform.python_version()}, {platform.platform()}\n\n"
        + "".join(lines)
    )
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}.txt"
    with contextlib.suppress(OSError):  # also of a user without a home
        return _saved(ticket_home() / "errors" / name, text)
    with contextlib.suppress(OSError):
        return _saved(Path(tempfile.gettempdir()) / name, text)
    return None


def _saved(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path
