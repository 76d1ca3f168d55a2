"""From what a person types to a bundle: the one resolver of addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ticket_hub import home
from ticket_hub.bundle.layout import MANIFEST
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.errors import TicketNotFoundError
from ticket_hub.hub.address import (
    Address,
    PlaceLike,
    is_repo,
    named_place,
    parse_address,
    split_level,
)
from ticket_hub.hub.builtin import builtin_folder
from ticket_hub.hub.cache import Cache
from ticket_hub.runs.file_names import RUN
from ticket_hub.runs.listing import kind_of, list_runs, summarize
from ticket_hub.runs.places import remembered

__all__ = ["Place", "locate", "locate_whole", "resolve", "show_bundle"]

_EXPERIMENTS = {"retrain", "transfer"}
"""Kinds of folders that hold no tickets of their own."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A bundle on this machine.

    Attributes:
        bundle: its folder.
        level: a number, a density (`d0.036`) or `best`; None where none was given.
        pulled: whether it came from a hub or with the package, so that it may be a part, and stays
            as it is.
    """

    bundle: Path
    level: str | None = None
    pulled: bool = False


def locate(text: str, *, runs: Path | None = None, cache: Cache | None = None) -> Place:
    """Find the bundle on this machine that an address stands for; no hub is asked.

    Args:
        text, runs, cache: as in `resolve`.

    Raises:
        TicketNotFoundError: as `resolve`, or a hub's ticket is not here.
    """
    found = resolve(text, runs=runs, cache=cache)
    if isinstance(found, Place):
        return found
    place = split_level(text)[0]
    if cache is None:
        raise TicketNotFoundError(
            f"There is no run or bundle {place!r} here.",
            "`ticket list` shows what there is; a folder is given by its path.",
        )
    raise TicketNotFoundError(
        f"{place} is not on this machine: neither a folder with a bundle, nor pulled.",
        f"Fetch it with `ticket pull {place}`; `ticket list` shows the runs that are here.",
    )


def locate_whole(text: str) -> Place:
    """Find the bundle on this machine, pulled ones too, for what takes it with all its levels.

    Raises:
        TicketNotFoundError: as `locate`, or the address names a level.
    """
    found = locate(text, cache=Cache())
    if found.level is not None:
        place = split_level(text)[0]
        raise TicketNotFoundError(
            f"{text} names one level, and a bundle is taken with all its levels here.",
            f"Write {place}; `ticket show {text}` describes the level, and `ticket verify {text} "
            "--replay` trains it again.",
        )
    return found


def resolve(text: str, *, runs: Path | None = None, cache: Cache | None = None) -> Place | Address:
    """What an address stands for: `PLACE[:level]`, in Python as on the command line.

    In this order, PLACE is a ticket of the package, `builtin:NAME`; the folder of a bundle or of a
    run that has one; `owner/name[@revision]` of a hub; the name of a run, or of a recipe of which
    only one run has tickets.

    Args:
        runs: the folder of runs; by default the user's.
        cache: of what was pulled, in which a hub's tickets are looked for; None looks at none.

    Returns:
        The place of a bundle on this machine, or the address of a ticket on a hub that is not here.

    Raises:
        TicketNotFoundError: there is no such thing, or several runs are of that recipe; the
            sentence says what was looked for, and where.
        HubNotFoundError: the revision cannot be the name of one.
    """
    place, level = split_level(text)
    packaged = builtin_folder(place)
    if packaged is not None:
        return Place(bundle=packaged, level=level, pulled=True)
    path = home.expanded(place)
    for folder in (path, path / "bundle"):
        if (folder / MANIFEST).is_file():
            return Place(bundle=folder, level=level)
    if place.startswith((".", "/", "~")) or path.is_absolute():
        raise _nothing_in(path, place)
    if is_repo(place.partition("@")[0]):
        if path.is_dir():
            raise _nothing_in(path, place)
        address = parse_address(text)
        found = [] if cache is None else cache.pulled(str(address.repo), address.revision)
        if len(found) > 1:
            raise TicketNotFoundError(
                f"{place} was pulled from {len(found)} hubs: {', '.join(map(str, found))}.",
                "Give the folder of one of them.",
            )
        return Place(bundle=found[0], level=level, pulled=True) if found else address
    return Place(bundle=_locate_run(place, runs), level=level)


def _nothing_in(path: Path, place: str) -> TicketNotFoundError:
    """Why there is no bundle under a path."""
    if not path.exists():
        return TicketNotFoundError(
            f"There is no folder {place}.", "`ticket list` shows the runs that are here."
        )
    if kind_of(path) in _EXPERIMENTS:
        return _an_experiment(place)
    if (path / RUN).is_file():
        return _no_level_yet(path.resolve().name)
    return TicketNotFoundError(
        f"There is no bundle in {place}: it has neither {MANIFEST} nor bundle/{MANIFEST}.",
        "Give the folder that `ticket find` names, a run that `ticket list` shows, or owner/name "
        "for a ticket of a hub.",
    )


def _an_experiment(name: str) -> TicketNotFoundError:
    return TicketNotFoundError(
        f"{name} is an experiment, and holds no tickets of its own.",
        f"`ticket report {name}` draws what it found; name the run of its tickets here.",
    )


def _no_level_yet(name: str) -> TicketNotFoundError:
    return TicketNotFoundError(
        f"The run {name} has no bundle yet.", "It has one as soon as level 0 is finished."
    )


def _locate_run(name: str, folder: Path | None) -> Path:
    runs = folder or home.runs_folder()
    found = list_runs(runs)
    same = [run for run in found if name in {run.path.name, run.recipe}]
    named = [run for run in same if run.path.name == name]
    if not same and folder is None:  # those of --out, by the names that `ticket list` shows
        places = [path for path in remembered() if path.name == name]
        named = [summarize(path) for path in places if kind_of(path) == "search"]
    exact = named or [run for run in same if run.bundle is not None] or same
    if len(exact) > 1:
        names = ", ".join(run.path.name for run in exact)
        raise TicketNotFoundError(
            f"{len(exact)} runs are of the recipe {name!r}: {names}.",
            "Name one of them in full.",
        )
    if not exact and kind_of(runs / name) in _EXPERIMENTS:
        raise _an_experiment(name)
    if not exact:
        if name and Path(name).is_dir():
            raise _nothing_in(Path(name), name)
        raise TicketNotFoundError(
            f"There is no run or bundle {name!r} here: neither a folder of that name, nor a run "
            f"in {runs}.",
            "`ticket list` shows what there is; a folder is given by its path.",
        )
    bundle = exact[0].bundle
    if bundle is None:
        raise _no_level_yet(exact[0].path.name)
    return bundle


def show_bundle(place: PlaceLike) -> Manifest:
    """What a bundle says of itself: its manifest, checked.

    Args:
        place: a bundle, a run, or their names; see `locate`.

    Raises:
        TicketNotFoundError: there is no such bundle, or the place names a level of it.
        BundleError: its manifest breaks the format.
    """
    from ticket_hub.bundle import open_bundle  # slow, with PyTorch

    return open_bundle(locate_whole(named_place(place)).bundle).manifest
