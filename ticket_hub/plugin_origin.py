"""Where something that is not built in comes from, and how what is here differs from that.

Nothing is imported to find out: a bundle names its plugins, and is no reason to run them.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub.plugins import PACKAGE, file_digest, given, installed, noted_file, noted_files

__all__ = ["Plugin", "plugin_of"]


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """Where something that is not built in comes from; all None where it was in no file.

    Attributes:
        distribution, version: of the installed package, else None.
        file, sha256: name and digest of the file that is no part of a package, else None.
    """

    distribution: str | None = None
    version: str | None = None
    file: str | None = None
    sha256: str | None = None

    def __str__(self) -> str:
        """In a few words."""
        if self.distribution is not None:
            return f"{self.distribution} {self.version}"
        return "no file" if self.file is None else f"{self.file} (sha256 {str(self.sha256)[:12]})"

    @property
    def remedy(self) -> str:
        """How somebody who trusts its author comes by it, as a sentence."""
        if self.distribution is not None:
            return f"Install it: `pip install {self.distribution}=={self.version}`."
        if self.file is None:
            return "It was registered in a session without a file: ask its author for the code."
        return (
            f"Get {self.file} from its author and give it with `--import {self.file}`; its sha256 "
            f"was {self.sha256}."
        )

    @property
    def difference(self) -> str:
        """How what is here differs from it, as the end of a sentence; empty where it does not.

        Nothing is imported to find out.
        """
        if self.distribution is not None:
            here = _version(self.distribution)
            if here == self.version:
                return ""
            what = "is not installed" if here is None else f"{here} is installed"
            return f"here {self.distribution} {what}."
        if self.file is None:
            return ""
        paths = (Path(source) for source in given() if source.endswith(".py"))
        files = [*noted_files(), *((path.name, file_digest(path)) for path in paths)]
        digests = [digest for file, digest in files if file == self.file]
        if self.sha256 in digests:
            return ""
        what = f"has the sha256 {digests[0][:12]}" if digests else "is not imported"
        return f"here {self.file} {what}."


def plugin_of(module: str) -> Plugin | None:
    """The package or file that a module is of; None where it is built in."""
    if module.partition(".")[0] == PACKAGE:
        return None
    path = getattr(sys.modules.get(module), "__file__", None)
    noted = noted_file(module)
    if path is None or noted is None:
        return Plugin()
    found = _distribution(module, Path(path))
    if found is not None:
        return Plugin(distribution=found.name, version=found.version)
    file, sha256 = noted
    return Plugin(file=file, sha256=sha256)


def _distribution(module: str, file: Path) -> Any:  # noqa: ANN401 - a distribution
    """The installed package that a module is of: one that names it as a plugin, or has its file."""
    from importlib.metadata import distribution, packages_distributions

    top = module.partition(".")[0]
    for entry in installed(tuple(sys.path)):
        if entry.dist is not None and entry.module.partition(".")[0] == top:
            return entry.dist
    # What the packages have is read from all of them, which takes a second.
    if not any(file.is_relative_to(root) for root in _roots(tuple(sys.path))):
        return None
    for name in packages_distributions().get(top, ()):
        found = distribution(name)
        if file.is_relative_to(str(found.locate_file(""))):
            return found
    return None


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


@functools.lru_cache(maxsize=8)
def _roots(_path: tuple[str, ...]) -> frozenset[str]:
    """The folders that packages are installed in."""
    from importlib.metadata import distributions

    return frozenset(str(each.locate_file("")) for each in distributions())
