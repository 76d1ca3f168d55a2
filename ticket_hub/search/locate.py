"""From what a person types to a bundle on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ticket_hub import home
from ticket_hub.bundle.layout import MANIFEST
from ticket_hub.errors import HubNotFoundError, TicketNotFoundError
from ticket_hub.home import expanded
from ticket_hub.hub.address import parse_address
from ticket_hub.hub.cache import Cache
from ticket_hub.search.runs import RunSummary, list_runs

__all__ = ["Place", "locate", "split_level"]

_EXPERIMENTS = ("experiment.json", "matrix.json")
"""What marks the folders of `ticket retrain` and `ticket transfer`."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A bundle on this machine.

    Attributes:
        bundle: its folder.
        level: a number, a density (`d0.036`) or `best`; None where none was given.
        pulled: whether it came from a hub, so that it may be a part, and stays as it is.
    """

    bundle: Path
    level: str | None = None
    pulled: bool = False


def locate(text: str, *, runs: Path | None = None, cache: Cache | None = None) -> Place:
    """Find the bundle that `FOLDER[:level]`, `RUN[:level]` or `RECIPE[:level]` stands for.

    A folder is a bundle, or a run that has one. A run is named by its folder's name; a recipe's
    name stands for its run where only one has tickets. With a cache, an address on a hub,
    `owner/name[@revision][:level]`, stands for what was pulled last; no hub is asked.

    Args:
        runs: the folder of runs; by default the user's.
        cache: of what was pulled; without one, hubs' names are not looked at.

    Raises:
        TicketNotFoundError: there is no such bundle, or several runs are of that recipe.
    """
    place, level = split_level(text)
    folder = _in_folder(expanded(place))
    pulled = None if folder or cache is None else _pulled(place, cache)
    if pulled is not None:
        return Place(bundle=pulled, level=level, pulled=True)
    return Place(bundle=folder or _of_run(place, runs or home.runs_folder()), level=level)


def split_level(text: str) -> tuple[str, str | None]:
    """A name or a path, and the level behind its last colon; None where there is none."""
    place, colon, level = text.rpartition(":")
    if not colon or {"/", "\\"} & set(level) or Path(text).exists():
        return text, None
    return place, level or None


def _in_folder(path: Path) -> Path | None:
    for folder in (path, path / "bundle"):
        if (folder / MANIFEST).is_file():
            return folder
    return None


def _pulled(place: str, cache: Cache) -> Path | None:
    """The folder of a ticket that was pulled; None where the text is no name of one."""
    try:
        address = parse_address(place)
    except (TicketNotFoundError, HubNotFoundError):
        return None
    if address.repo is None:
        return None
    found = cache.pulled(address.repo, address.revision)
    if len(found) == 1:
        return found[0]
    if found:
        raise TicketNotFoundError(
            f"{place} was pulled from {len(found)} hubs: {', '.join(map(str, found))}.",
            "Give the folder of one of them.",
        )
    raise TicketNotFoundError(
        f"{place} is not on this machine.", f"Fetch it with `ticket pull {place}`."
    )


def _of_run(name: str, runs: Path) -> Path:
    found = list_runs(runs)
    same = [run for run in found if name in {run.path.name, run.recipe}]
    named = [run for run in same if run.path.name == name]
    exact = named or [run for run in same if run.bundle is not None] or same
    if len(exact) > 1:
        raise TicketNotFoundError(
            f"{len(exact)} runs are of the recipe {name!r}: {_names(exact)}.",
            "Name one of them in full.",
        )
    if not exact and any((runs / name / made).is_file() for made in _EXPERIMENTS):
        raise TicketNotFoundError(
            f"{name} is an experiment, and holds no tickets of its own.",
            f"`ticket report {name}` draws what it found; name the run of its tickets here.",
        )
    if not exact:
        raise TicketNotFoundError(
            f"There is no run or bundle {name!r} here.",
            "`ticket list` shows what there is; a folder is given by its path.",
        )
    bundle = exact[0].bundle
    if bundle is None:
        raise TicketNotFoundError(
            f"The run {exact[0].path.name} has no bundle yet.",
            "It has one as soon as level 0 is finished.",
        )
    return bundle


def _names(runs: list[RunSummary]) -> str:
    return ", ".join(run.path.name for run in runs)
