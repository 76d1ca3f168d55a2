"""Where Ticket Hub itself is had, and how its extras are installed."""

from __future__ import annotations

import functools
import re
from importlib.metadata import PackageNotFoundError, requires

__all__ = ["ADDRESS", "install_extra"]

ADDRESS = "PATH_OR_ADDRESS_OF_TICKET_HUB"
"""What `pip install` takes to install Ticket Hub. Until it is released it stands for the reader's
checkout; `docs/releasing.md` says when it changes. On the package index the name is not ours."""

_OF_EXTRA = re.compile(r"([^;]+?)\s*;.*extra == ['\"]([\w-]+)['\"]")


@functools.cache
def install_extra(extra: str) -> str:
    """The command that installs what an extra consists of, by the metadata of this installation.

    Where there are none, as beside a bare checkout, it is the extra of `ADDRESS`.
    """
    try:
        found = [_OF_EXTRA.match(each) for each in requires("ticket-hub") or ()]
    except PackageNotFoundError:
        found = []
    packages = [f"'{each[1]}'" for each in found if each and each[2] == extra]
    return " ".join(["pip install", *(packages or [f"'{ADDRESS}[{extra}]'"])])
