"""Where things lie on a user's disk."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Literal

from ticket_hub.errors import StorageError

__all__ = [
    "cache_folder",
    "config_file",
    "data_folder",
    "expanded",
    "keys_folder",
    "runs_folder",
    "ticket_home",
    "trust_folder",
    "user_name",
]


def ticket_home() -> Path:
    """`TICKET_HOME`, or the platform's folder for user data."""
    named = os.environ.get("TICKET_HOME")
    if named:
        return _named("TICKET_HOME", named)
    return _platform_folder("data", "ticket-hub")


def runs_folder() -> Path:
    """Where runs are made, one folder each, named by recipe and digest."""
    return ticket_home() / "runs"


def keys_folder() -> Path:
    """Where the user's own keys are, for signatures."""
    return ticket_home() / "keys"


def trust_folder() -> Path:
    """Where the public keys are whose signatures the user trusts."""
    return ticket_home() / "trusted"


def data_folder() -> Path:
    """`TICKET_DATA`, or `torchvision` under the platform's user cache."""
    named = os.environ.get("TICKET_DATA")
    if named:
        return _named("TICKET_DATA", named)
    return _platform_folder("cache", "torchvision")


def cache_folder() -> Path:
    """What can be made again at any time: `cache` under `TICKET_HOME`, or the user's cache."""
    named = os.environ.get("TICKET_HOME")
    if named:
        return _named("TICKET_HOME", named) / "cache"
    return _platform_folder("cache", "ticket-hub")


def config_file() -> Path:
    """`TICKET_CONFIG`, or `config.toml` in the platform's folder for settings.

    It has a user's own defaults of options; see docs/config-file.md.
    """
    named = os.environ.get("TICKET_CONFIG")
    if named:
        return _named("TICKET_CONFIG", named)
    return _platform_folder("config", "ticket-hub") / "config.toml"


def expanded(path: Path | str) -> Path:
    """The path with the user's home folder in place of a `~`.

    Raises:
        StorageError: it begins with the home folder of nobody.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise StorageError(
            f"{path} begins with a home folder that this machine does not know.",
            "Write the folder in full, or set HOME.",
        ) from error


def user_name() -> str:
    """Who works here; the number of a user who has no name, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # Windows has no list of users
        return f"user-{getattr(os, 'getuid', os.getpid)()}"


def _platform_folder(kind: Literal["cache", "config", "data"], name: str) -> Path:
    try:
        import platformdirs
    except ModuleNotFoundError as error:
        raise StorageError(
            "Nothing says where files lie on this machine: platformdirs is not installed.",
            "Set TICKET_HOME and TICKET_DATA, or `pip install platformdirs`.",
        ) from error
    folder = getattr(platformdirs, f"user_{kind}_dir")
    try:
        return expanded(folder(name, appauthor=False))
    except (RuntimeError, StorageError) as error:  # platformdirs raises the former
        raise StorageError(
            "This user has no home folder: neither HOME nor the list of users names one.",
            "Set TICKET_HOME to the folder of your runs, and TICKET_DATA to that of data sets.",
        ) from error


def _named(variable: str, value: str) -> Path:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise StorageError(
            f"{variable} is {value!r}, whose bytes are not UTF-8.", "Name another folder in it."
        ) from error
    return expanded(value)
