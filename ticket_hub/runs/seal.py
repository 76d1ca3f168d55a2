"""The JSON files of a run folder; what lists runs reads them without PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ticket_hub.errors import RunError
from ticket_hub.runs.file_names import SEAL

__all__ = ["FORMAT", "read_json", "read_seal", "remedy"]

FORMAT = 1
"""Of a run folder."""


def remedy(folder: Path) -> str:
    """What to do about a damaged step."""
    return f"Remove the folder {folder}; the same command then makes it again, and nothing else."


def read_json(path: Path, advice: str) -> dict[str, Any]:
    """A JSON table of this format.

    Raises:
        RunError: the file is damaged, or of another format; `advice` becomes the remedy.
    """
    try:
        table = json.loads(path.read_bytes())
        if not isinstance(table, dict):
            raise TypeError("it is not a table")  # noqa: TRY301 - all damage is told one way
        version = table["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged: {error}.", advice) from error
    if version != FORMAT:
        raise RunError(
            f"{path} has format {version}, and this version of Ticket Hub reads {FORMAT}.",
            "Use the version of Ticket Hub that the run was made with.",
        )
    return table


def read_seal(folder: Path) -> dict[str, Any] | None:
    """The seal of a finished step, or None where it is not finished.

    Raises:
        RunError: the seal is damaged.
    """
    path = folder / SEAL
    return read_json(path, remedy(folder)) if path.exists() else None
