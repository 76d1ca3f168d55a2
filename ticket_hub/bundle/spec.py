"""Which level is meant: a number, a density, or the best that the evidence supports."""

from __future__ import annotations

import math
import re

from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import LevelRecord
from ticket_hub.errors import TicketNotFoundError

__all__ = ["BEST", "find_level"]

BEST = "best"
"""The level that `default` in the manifest names."""
TOLERANCE = 0.1
_DENSITY = re.compile(r"d(0?\.[0-9]{1,12}|1(?:\.0{1,12})?)")


def find_level(manifest: Manifest, wanted: str | int) -> LevelRecord:
    """The level that a text names.

    Args:
        wanted: `7` (the level), `d0.036` (the nearest density, at most a tenth off), or `best`:
            the bundle's default, see `DefaultTicket`.

    Raises:
        TicketNotFoundError: no carried level is meant by it.
    """
    text = str(wanted)
    carried = [level for level in manifest.levels if level.tickets]
    if text == BEST:
        return next(level for level in carried if level.index == manifest.default.level)
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
