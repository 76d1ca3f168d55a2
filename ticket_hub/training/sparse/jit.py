"""How the kernels are compiled, and where the code is kept."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import llvmlite.binding as llvm
import numba

from ticket_hub.home import cache_folder

__all__ = ["compiled", "has_wide_registers", "is_missing", "kept"]

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile for use in other compiled functions; NaN and infinity keep their meaning."""
    # Not all of `fast`, which takes it that there is no NaN: a loss that is lost would go
    # unnoticed.
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
    # A setting of the whole process: compiled functions of the user's own keep their folder.
    before = numba.config.CACHE_DIR
    folder = _folder()
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


def is_missing(kernel: str) -> bool:
    """Whether the cache could hold the code of a kernel, `MODULE.FUNCTION`, and does not."""
    folder = _folder()
    return os.access(folder, os.W_OK) and not any(folder.rglob(f"{kernel}-*.nbi"))


def _folder() -> Path:
    """Where the code of these sources is kept."""
    given = numba.config.CACHE_DIR
    # What decides the code: the kernels' sources and numba's version.
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    folder = Path(given) if given else cache_folder() / "compiled"
    return folder / f"ticket-hub-{digest.hexdigest()[:16]}"
