"""Which system a folder or file looks like it is of."""

from __future__ import annotations

from pathlib import Path

from ticket_hub.bundle import layout
from ticket_hub.interop.importers.imported import Hints
from ticket_hub.interop.importers.refusals import refusal
from ticket_hub.interop.registry import IMPORTERS

__all__ = ["detect"]


def detect(source: Path, hints: Hints) -> str:
    """The name of the importer that recognizes it; plugins' are asked first.

    Raises:
        ImportRefusedError: it looks like none of them.
    """
    if (source / layout.MANIFEST).is_file():
        raise refusal(
            f"{source} is a bundle already.", "Use it as it is: `ticket show`, `ticket push`."
        )
    for name in reversed(IMPORTERS.names()):
        if IMPORTERS[name].recognizes(source, hints):
            return name
    raise refusal(
        f"{source} looks like no system that is known here.",
        "Name its system with `--from`, or give the folder one level up or down: an open_lth "
        "folder has replicate_N or level_N in it, Google's has trialN, VITA's has .pth.tar files.",
    )
