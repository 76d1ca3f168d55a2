"""How the kernels are compiled, and where the code is kept."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import llvmlite.binding as llvm
import numba
from numba.core import event

from ticket_hub.errors import StoppedError
from ticket_hub.home import cache_folder

__all__ = ["compiled", "has_wide_registers", "interruptible", "kept"]

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile for use in other compiled functions; NaN and infinity keep their meaning."""
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc"}}
    # Checks of argument types, as the tests add them, cannot be compiled.
    result: Function = numba.njit(**options)(inspect.unwrap(function))
    return result


def kept(function: Function) -> Function:
    """Compile, and keep the code in the user's cache.

    numba looks for changes in the function's own file alone, so the folder is named by all of
    this package's sources. Where no folder can be made, each process compiles anew.
    """
    result = compiled(function)
    before = numba.config.CACHE_DIR
    folder = (Path(before) if before else cache_folder() / "compiled") / _sources()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        numba.config.CACHE_DIR = str(folder)
        result.enable_caching()  # type: ignore[attr-defined]
    except (OSError, RuntimeError):
        return result
    finally:
        numba.config.CACHE_DIR = before
    return result


def has_wide_registers() -> bool:
    """Whether the code is compiled for AVX-512: 32 registers of 16 numbers each."""
    features: str | None = numba.config.CPU_FEATURES
    if features is None:
        try:
            features = llvm.get_host_cpu_features().flatten()
        except RuntimeError:  # unknown on this platform, as numba sees it too
            features = ""
    return "+avx512f" in features


@contextlib.contextmanager
def interruptible(should_stop: Callable[[], bool] | None) -> Iterator[None]:
    """Give up what this thread compiles in the block once `should_stop` is true.

    It is asked before each pass of the compiler, which takes a fraction of a second where the
    whole takes many. What was given up is compiled anew when it is called again.

    Raises:
        StoppedError: something was being compiled when `should_stop` became true.
    """
    if should_stop is None:
        yield
        return
    asking = _Asking(should_stop)
    try:
        with event.install_listener("numba:run_pass", asking):
            yield
    except Exception:
        if asking.stopped:  # numba writes the pass into whatever is raised in it
            raise StoppedError(
                "Stopped while the code for sparse networks was being compiled.",
                "What was done before is kept; run the same command again to go on.",
            ) from None
        raise


class _Asking(event.Listener):  # type: ignore[misc]  # numba has no types
    """Raises in the compiler where somebody wants to stop."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self.should_stop, self.stopped = should_stop, False
        self._thread = threading.get_ident()

    def on_start(self, event: object) -> None:
        """Ask before a pass."""
        del event
        if threading.get_ident() == self._thread and self.should_stop():
            self.stopped = True
            raise StoppedError("Stopped.", "")

    def on_end(self, event: object) -> None:
        """Let what is done be done."""


def _sources() -> str:
    """What decides the code: the kernels' sources and numba's version."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return f"ticket-hub-{digest.hexdigest()[:16]}"
