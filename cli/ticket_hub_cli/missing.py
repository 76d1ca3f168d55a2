"""Which package to install where a module is missing."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires

from ticket_hub.project import install_extra

__all__ = ["remedy_for"]

_OTHERWISE_NAMED = {
    "PIL": "pillow",
    "markdown_it": "markdown-it-py",
    "multipart": "python-multipart",
    "yaml": "pyyaml",
}
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:.*extra == ['\"]([\w-]+)['\"])?")


def remedy_for(module: str | None) -> str | None:
    """How to get a module that Ticket Hub asks for, as an extra or at all; None for others."""
    top = (module or "").partition(".")[0]
    wanted = _OTHERWISE_NAMED.get(top, top).lower().replace("_", "-")
    try:
        found = [_REQUIREMENT.match(each) for each in requires("ticket-hub") or ()]
    except PackageNotFoundError:
        return None
    extras = [m[2] for m in found if m and m[1].lower().replace("_", "-") == wanted]
    if not extras:
        return None
    extra = next((extra for extra in extras if extra != "dev"), None)
    install = install_extra(extra) if extra and None not in extras else f"pip install {wanted}"
    return f"Install what is missing with `{install}`."
