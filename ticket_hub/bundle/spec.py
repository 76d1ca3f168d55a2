"""Which level is meant: a number, a density, or the best that the evidence supports."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ticket_hub.bundle.files import BundleFolder
from ticket_hub.bundle.layout import MAX_EVIDENCE_BYTES
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import DefaultTicket, LevelRecord
from ticket_hub.errors import TicketNotFoundError

if TYPE_CHECKING:
    from ticket_hub.bundle.experiment_record import ExperimentRecord

__all__ = ["BEST", "Experiments", "default_ticket", "find_level", "records_in"]

BEST = "best"
"""The level of `default_ticket`."""
Experiments: TypeAlias = "Callable[[], Iterable[ExperimentRecord]]"
"""Reads the records of the experiments in a bundle; asked only where the bundle has any."""
TOLERANCE = 0.1
_DENSITY = re.compile(r"d(0?\.[0-9]{1,12}|1(?:\.0{1,12})?)")


def default_ticket(manifest: Manifest, experiments: Experiments) -> DefaultTicket:
    """The ticket that is meant where none is named, by all evidence that is in the bundle.

    Raises:
        TicketHubError: a record cannot be read.
    """
    if not manifest.experiments:
        return manifest.default
    from ticket_hub.bundle.retrained import won_levels  # slow: statistics need SciPy
    from ticket_hub.bundle.summary import choose

    trial, won = manifest.default.trial, won_levels(manifest, experiments())
    return choose(manifest.levels, trial, manifest.metric, won=won)


def records_in(folder: Path, manifest: Manifest) -> list[ExperimentRecord]:
    """The records of experiments in the folder of a bundle, read without opening it.

    Raises:
        BundleError: a file is not what the manifest says, or is no record about this bundle.
    """
    from ticket_hub.bundle.record_reading import record_in  # slow: statistics need NumPy

    files = BundleFolder(folder)
    return [
        record_in(manifest, files.read(name, manifest.files[name], MAX_EVIDENCE_BYTES), name)
        for name in manifest.experiments
    ]


def find_level(manifest: Manifest, wanted: str | int, experiments: Experiments) -> LevelRecord:
    """The level that a text names.

    Args:
        wanted: `7` (the level), `d0.036` (the nearest density, at most a tenth off), or `best`:
            see `DefaultTicket` for the rule.
        experiments: reads those of the bundle, for `best`.

    Raises:
        TicketNotFoundError: no carried level is meant by it.
    """
    text = str(wanted)
    carried = [level for level in manifest.levels if level.tickets]
    if text == BEST:
        best = default_ticket(manifest, experiments).level
        return next(level for level in carried if level.index == best)
    density = _DENSITY.fullmatch(text)
    if density is not None and float(density[1]) > 0:
        return _nearest(carried, float(density[1]))
    for level in manifest.levels:
        if text == str(level.index) and level in carried:
            return level
        if text == str(level.index):
            raise _not_found(
                f"Level {text} is in this bundle as evidence only: its theta0 stores survivors, "
                "and this level needs weights that were left out.",
                carried,
            )
    raise _not_found(f"There is no level {text[:80]!r} in this bundle.", carried)


def _nearest(carried: list[LevelRecord], density: float) -> LevelRecord:
    near = min(carried, key=lambda level: abs(math.log((level.density or 1e-12) / density)))
    if abs(near.density - density) > TOLERANCE * density:
        raise _not_found(f"No level of this bundle has a density near {density:g}.", carried)
    return near


def _not_found(problem: str, carried: list[LevelRecord]) -> TicketNotFoundError:
    known = ", ".join(f"{level.index} (d{level.density:.4g})" for level in carried)
    return TicketNotFoundError(problem, f"It has level {known}.")
