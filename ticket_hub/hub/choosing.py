"""Which levels an address names, and which files of a bundle their tickets need."""

from __future__ import annotations

from collections.abc import Iterable

from ticket_hub.bundle import layout
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import LevelRecord
from ticket_hub.bundle.spec import Experiments, find_level
from ticket_hub.errors import TicketNotFoundError

__all__ = ["EVERYTHING", "chosen_levels", "needed_files"]

EVERYTHING = "all"
"""The level that stands for the whole ladder."""


def chosen_levels(
    manifest: Manifest, wanted: str | int, experiments: Experiments
) -> list[LevelRecord]:
    """The levels of a bundle that an address names: several, `best`, or `all` that it carries.

    Args:
        experiments: reads those of the bundle, for `best`.

    Raises:
        TicketNotFoundError: there is no such level.
    """
    if wanted == EVERYTHING:
        return [level for level in manifest.levels if level.tickets]
    return [find_level(manifest, part, experiments) for part in str(wanted).split(",")]


def needed_files(
    manifest: Manifest, levels: Iterable[LevelRecord], trial: int | None, *, everything: bool
) -> list[str]:
    """The files that the chosen tickets need, by the names in the manifest.

    Args:
        levels: the chosen ones.
        trial: only this repetition; None is all.
        everything: the whole ladder was asked for; without a trial that is every file.

    Raises:
        TicketNotFoundError: there is no such trial.
    """
    known = [each.index for each in manifest.trials]
    if trial is not None and trial not in known:
        raise TicketNotFoundError(
            f"There is no trial {trial}.", f"It has {', '.join(map(str, known))}."
        )
    if everything and trial is None:
        return list(manifest.files)
    trials = known if trial is None else [trial]
    indices = {each.index for each in levels}
    # Survivors are stored by the densest level's mask: without it nobody knows their places.
    if manifest.theta0_level is not None:
        indices.add(manifest.theta0_level)
    names = [layout.CONFIG, layout.METRICS, layout.CARD, layout.FIGURE, layout.RESULTS]
    names += [layout.COSTS, *manifest.experiments, *manifest.reproductions]
    names += [layout.theta0_file(each) for each in trials]
    names += [layout.mask_file(each, index) for each in trials for index in sorted(indices)]
    return [name for name in names if name in manifest.files]
