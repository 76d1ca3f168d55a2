"""Which system a folder or file looks like it is of."""

from __future__ import annotations

import re
from pathlib import Path

from ticket_hub.bundle.importers.files import refusal
from ticket_hub.bundle.importers.found import Hints

__all__ = ["detect"]


def detect(source: Path, hints: Hints) -> str:
    """The name of the format.

    Raises:
        ImportRefusedError: it looks like none of them.
    """
    if source.is_file():
        return _of_file(source, hints)
    names = [path.name for path in source.iterdir()]
    if any(re.fullmatch(r"replicate_\d+|level_(\d+|pretrain)", name) for name in names):
        return "open-lth"
    if any(re.fullmatch(r"\d+(checkpoint|model_SA_best)\.pth\.tar", name) for name in names):
        return "vita"
    if any(source.glob("trial*/*/*/initial")) or any(source.glob("*/*/initial/layer0.npy")):
        return "google"
    raise refusal(
        f"{source} looks like no system that is known here.",
        "Name its format with `--format`, or give the folder one level up or down: an open_lth "
        "folder has replicate_N or level_N in it, Google's has trialN, VITA's has .pth.tar files.",
    )


def _of_file(source: Path, hints: Hints) -> str:
    if source.name.endswith(".pth.tar"):
        return "vita"
    return "pair" if hints.masks else "torch-prune"
