"""Where things lie on a user's disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from ticket_hub.errors import StorageError

__all__ = ["cache_folder", "data_folder", "runs_folder", "ticket_home"]


def ticket_home() -> Path:
    """`TICKET_HOME`, or the platform's folder for user data."""
    named = os.environ.get("TICKET_HOME")
    if named:
        return Path(named).expanduser()
    return _platform_folder("data", "ticket-hub")


def runs_folder() -> Path:
    """Where runs are made, one folder each, named by recipe and digest."""
    return ticket_home() / "runs"


def data_folder() -> Path:
    """`TICKET_DATA`, or `torchvision` under the platform's user cache."""
    named = os.environ.get("TICKET_DATA")
    if named:
        return Path(named).expanduser()
    return _platform_folder("cache", "torchvision")


def cache_folder() -> Path:
    """What can be made again at any time: `cache` under `TICKET_HOME`, or the user's cache."""
    named = os.environ.get("TICKET_HOME")
    if named:
        return Path(named).expanduser() / "cache"
    return _platform_folder("cache", "ticket-hub")


def _platform_folder(kind: Literal["cache", "data"], name: str) -> Path:
    try:
        import platformdirs
    except ModuleNotFoundError as error:
        raise StorageError(
            "Nothing says where files lie on this machine: platformdirs is not installed.",
            "Set TICKET_HOME and TICKET_DATA, or `pip install platformdirs`.",
        ) from error
    folder = platformdirs.user_data_dir if kind == "data" else platformdirs.user_cache_dir
    return Path(folder(name, appauthor=False))
