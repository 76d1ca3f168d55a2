"""What is known of the process that an author's own loop runs in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from ticket_hub.environment import fingerprint
from ticket_hub.errors import RecipeError
from ticket_hub.own.network import OwnNetwork, file_digest

__all__ = ["environment_of", "files_of"]

_KNOWN = frozenset({"cpu_capability", "numpy", "platform", "python", "ticket_hub", "torch"})
"""What a fingerprint can say of a loop whose device and threads are its own affair."""


def environment_of(packages: Sequence[str]) -> dict[str, str]:
    """Versions of what every loop needs, and of the packages that were named.

    Raises:
        RecipeError: there is no such package.
    """
    facts = {key: value for key, value in fingerprint("cpu", "own").items() if key in _KNOWN}
    return facts | {name: _version(name) for name in packages}


def files_of(network: OwnNetwork) -> dict[str, str]:
    """Names and sha256 of the author's files: the network's and the script; empty where none is."""
    # The file that Python was started with, where it is one.
    name = getattr(sys.modules["__main__"], "__file__", None)
    found = Path(name) if name else None
    script = found if found is not None and found.suffix == ".py" and found.is_file() else None
    return {
        "network": network.file.name if network.file else "",
        "network_sha256": file_digest(network.file),
        "script": script.name if script else "",
        "script_sha256": file_digest(script),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError as error:
        raise RecipeError(
            f"There is no package {package[:80]!r} here.", "Name packages as pip does."
        ) from error
