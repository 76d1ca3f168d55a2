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
import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from types import ModuleType

from ticket_hub.errors import PluginError
from ticket_hub.home import expanded

__all__ = ["GROUP", "VARIABLE", "given", "load", "use"]

GROUP = "ticket_hub.plugins"
VARIABLE = "TICKET_IMPORT"

_lock = threading.RLock()
_loaded: set[str] = set()


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
        for entry in _installed(tuple(sys.path)):
            if entry.value not in _loaded:
                _load_installed(entry)
        return len(_loaded) > before


@functools.lru_cache(maxsize=8)
def _installed(_path: tuple[str, ...]) -> EntryPoints:
    """Reading what is installed takes milliseconds, and every unknown name asks."""
    return entry_points(group=GROUP)


def _import(source: str) -> ModuleType:
    with _lock:
        module = _import_file(Path(source)) if source.endswith(".py") else _import_name(source)
        _loaded.add(source)
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
    if found is None or found.origin is None or not _is_same(Path(found.origin), path):
        raise PluginError(
            f"{path} cannot be imported: another module is called {name!r}.",
            "Give the file a name of its own, such as my_net.py.",
        )
    return _import_name(name)


def _is_same(one: Path, other: Path) -> bool:
    return one.exists() and one.samefile(other)


def _import_name(name: str) -> ModuleType:
    with _told(name):
        return importlib.import_module(name)


def _load_installed(entry: EntryPoint) -> None:
    with _told(f"{entry.name} = {entry.value}"):
        entry.load()
    _loaded.add(entry.value)


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
