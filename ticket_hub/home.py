"""Where things lie on a user's disk."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["cache_folder", "data_folder", "runs_folder", "ticket_home"]


def ticket_home() -> Path:
    """`TICKET_HOME`, or the platform's folder for user data."""
    named = os.environ.get("TICKET_HOME")
    if named:
        return Path(named).expanduser()
    return Path(platformdirs.user_data_dir("ticket-hub", appauthor=False))


def runs_folder() -> Path:
    """Where runs are made, one folder each, named by recipe and digest."""
    return ticket_home() / "runs"


def data_folder() -> Path:
    """`TICKET_DATA`, or `torchvision` under the platform's user cache."""
    named = os.environ.get("TICKET_DATA")
    if named:
        return Path(named).expanduser()
    return Path(platformdirs.user_cache_dir("torchvision", appauthor=False))


def cache_folder() -> Path:
    """What can be made again at any time: `cache` under `TICKET_HOME`, or the user's cache."""
    named = os.environ.get("TICKET_HOME")
    if named:
        return Path(named).expanduser() / "cache"
    return Path(platformdirs.user_cache_dir("ticket-hub", appauthor=False))
