"""Which system a folder or file looks like it is of."""

from __future__ import annotations

import re
from pathlib import Path

from ticket_hub.bundle import layout
from ticket_hub.interop.importers.imported import Hints
from ticket_hub.interop.importers.refusals import refusal

__all__ = ["detect"]

VITA = r"\d+(checkpoint|model_SA_best)\.pth\.tar"


def detect(source: Path, hints: Hints) -> str:
    """The name of the format.

    Raises:
        ImportRefusedError: it looks like none of them.
    """
    if source.is_file():
        return _of_file(source, hints)
    if (source / layout.MANIFEST).is_file():
        raise refusal(
            f"{source} is a bundle already.", "Use it as it is: `ticket show`, `ticket push`."
        )
    names = [path.name for path in source.iterdir()]
    if any(re.fullmatch(r"replicate_\d+|level_(\d+|pretrain)", name) for name in names):
        return "open-lth"
    if any(re.fullmatch(VITA, name) for name in names):
        return "vita"
    if any(source.glob("trial*/*/*/initial")) or any(source.glob("*/*/initial/layer0.npy")):
        return "google"
    raise refusal(
        f"{source} looks like no system that is known here.",
        "Name its system with `--from`, or give the folder one level up or down: an open_lth "
        "folder has replicate_N or level_N in it, Google's has trialN, VITA's has .pth.tar files.",
    )


def _of_file(source: Path, hints: Hints) -> str:
    if hints.masks:
        return "pair"
    return "vita" if re.fullmatch(VITA, source.name) else "torch-prune"
