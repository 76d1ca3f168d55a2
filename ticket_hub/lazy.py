"""Public names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """What a package assigns to its `__getattr__`, so that PyTorch is imported only where used.

    Args:
        package: the package's `__name__`.
        homes: public name -> the module that defines it, below the package; a name whose home is
            itself is that module.
    """

    def find(name: str) -> Any:  # noqa: ANN401 - any public name
        """Import the home of a public name, and give what it defines."""
        if name in homes:
            module = importlib.import_module(f"{package}.{homes[name]}")
            return module if homes[name] == name else getattr(module, name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
