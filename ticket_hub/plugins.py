"""A user's own networks and data sets: imported from a file, a module, or what is installed.

A plugin is a Python module that registers something when it is imported, such as a network with
`ticket_hub.networks.register`. Three ways lead to it:

    --import FILE_OR_MODULE     on the command line, and `plugins.use` in Python
    TICKET_IMPORT               the same for every command, several separated as in PATH
    [project.entry-points."ticket_hub.plugins"]     of an installed package

What was given by the first two is imported by every process that is started from there, too:
training workers, engines, and the processes of jobs where the operator sets the variable. A bundle
never imports anything.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from ticket_hub.errors import PluginError
from ticket_hub.home import expanded

__all__ = [
    "GROUP",
    "VARIABLE",
    "file_digest",
    "given",
    "installed",
    "is_plugin",
    "load",
    "note",
    "noted_file",
    "noted_files",
    "registrant",
    "use",
]

GROUP = "ticket_hub.plugins"
"""Of the entry points by which an installed package names its plugins."""
VARIABLE = "TICKET_IMPORT"
"""Names files and modules to import in every process, several separated as in PATH."""

PACKAGE = __name__.partition(".")[0]
WRAPPERS = ("jaxtyping", "beartype")  # of our own functions, where shapes are checked

_lock = threading.RLock()
_loaded: set[str] = set()
_modules: set[str] = set()
"""The names of the modules that were imported as plugins."""
_files: dict[str, tuple[str, str]] = {}
"""Module -> the name of its file, and the sha256 that it had when it registered something."""


def use(source: str) -> ModuleType:
    """Import a file or module here, and in every process that is started from here.

    The folder of a file joins the end of `sys.path`, so that it can import what lies beside it.

    Args:
        source: the path of a `.py` file, or the name of a module.

    Raises:
        PluginError: it is not there, another module has its name, or it fails when imported.
    """
    if source.endswith(".py"):
        source = str(expanded(Path(source)).absolute())
    module = _import(source)
    known = given()
    if source not in known:
        os.environ[VARIABLE] = os.pathsep.join([*known, source])
    return module


def given() -> list[str]:
    """What `TICKET_IMPORT` names: absolute files, and modules."""
    return [part for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]


def load() -> bool:
    """Import what `TICKET_IMPORT` names and what is installed; each once in a process.

    Returns:
        whether anything was imported that had not been before.

    Raises:
        PluginError: one of them cannot be imported.
    """
    with _lock:
        before = len(_loaded)
        for source in given():
            if source not in _loaded:
                _import(source)
        for entry in installed(tuple(sys.path)):
            if entry.value not in _loaded:
                _load_installed(entry)
        return len(_loaded) > before


def registrant() -> str:
    """The module that is registering something: the nearest caller that is no function of ours."""
    frame = sys._getframe(1)  # noqa: SLF001 - a decorator is not told who uses it
    while frame.f_back is not None:
        name = str(frame.f_globals.get("__name__", ""))
        own = name.partition(".")[0] in {PACKAGE, *WRAPPERS}
        if not own or frame.f_code.co_name == "<module>":
            break
        frame = frame.f_back
    if not own:
        _note(name, frame.f_globals.get("__file__"))
    return name


def note(module: str) -> None:
    """Remember the file of a module that something of the user's comes from, as it is now."""
    if module not in _files:
        _note(module, getattr(sys.modules.get(module), "__file__", None))


def _note(module: str, file: str | None) -> None:
    if file:
        _files[module] = Path(file).name, file_digest(Path(file))


def noted_file(module: str) -> tuple[str, str] | None:
    """Name and sha256 of a module's file when it registered something; None where it did not."""
    return _files.get(module)


def noted_files() -> list[tuple[str, str]]:
    """Name and sha256 of every file that registered something here."""
    return list(_files.values())


def is_plugin(module: str) -> bool:
    """Whether a module was imported as a plugin: only what is in one may be named by a text."""
    return module in _modules


def file_digest(file: Path) -> str:
    """The sha256 of a file, in hexadecimal; empty where there is none."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


@functools.lru_cache(maxsize=8)
def installed(_path: tuple[str, ...]) -> Any:  # noqa: ANN401 - of a module that is slow to import
    """The entry points. Reading what is installed takes milliseconds; every unknown name asks."""
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def _import(source: str) -> ModuleType:
    with _lock:
        module = _import_file(Path(source)) if source.endswith(".py") else _import_name(source)
        _loaded.add(source)
        _modules.add(module.__name__)
        note(module.__name__)  # what it has may be named without being registered
        return module


def _import_file(path: Path) -> ModuleType:
    path = expanded(path).absolute()
    if not path.is_file():
        raise PluginError(f"There is no file {path} to import.", "Check the path.")
    name = path.stem
    if not name.isidentifier():
        raise PluginError(
            f"{path.name} cannot be imported: {name!r} is no name of a module.",
            "Call the file by letters, digits and underscores, such as my_net.py.",
        )
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
        importlib.invalidate_caches()
    found = importlib.util.find_spec(name)
    origin = None if found is None or found.origin is None else Path(found.origin)
    if origin is None or not (origin.exists() and origin.samefile(path)):
        raise PluginError(
            f"{path} cannot be imported: another module is called {name!r}.",
            "Give the file a name of its own, such as my_net.py.",
        )
    return _import_name(name)


def _import_name(name: str) -> ModuleType:
    with _told(name):
        return importlib.import_module(name)


def _load_installed(entry: Any) -> None:  # noqa: ANN401 - an entry point
    with _told(f"{entry.name} = {entry.value}"):
        entry.load()
    _loaded.add(entry.value)
    _modules.add(entry.module)
    note(entry.module)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Whatever a plugin raises becomes an error that names it."""
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".rstrip(".")
        raise PluginError(
            f"{name} cannot be imported: {reason}.",
            f"Mend it, or leave it out of --import and {VARIABLE}; "
            "a module must be installed or lie on PYTHONPATH.",
        ) from error
