"""The runs that lie in a folder, and how far each is. Needs no PyTorch and no lock."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ticket_hub import home
from ticket_hub.errors import RunError
from ticket_hub.recipe.spec import level_count
from ticket_hub.runs.file_names import RUN, SEAL
from ticket_hub.runs.lock import is_held
from ticket_hub.runs.seal import read_json

__all__ = ["RunState", "RunSummary", "list_runs", "summarize"]

RunState: TypeAlias = Literal["running", "finished", "stopped", "damaged"]
"""What can be said of a run from its folder alone."""


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run folder at a glance.

    Attributes:
        path: the folder; its name is the run's name.
        state: `running`: a process works on it. `finished`: its last level says why it is the
            last. `stopped`: the same command goes on. `damaged`: it cannot be read.
        recipe: the recipe's name.
        digest: of the recipe.
        trials: repetitions.
        levels: finished levels, the dense one included.
        planned: levels that the recipe allows, the dense one included.
        density: of the last finished level, or None.
        ending: one sentence: why it ended, or what is damaged.
        bundle: the bundle's folder, or None before level 0 is finished.
        modified: time of the last finished step, in seconds since the epoch.
    """

    path: Path
    state: RunState
    recipe: str = ""
    digest: str = ""
    trials: int = 0
    levels: int = 0
    planned: int = 0
    density: float | None = None
    ending: str = ""
    bundle: Path | None = None
    modified: float = 0.0


def list_runs(folder: Path | None = None) -> list[RunSummary]:
    """The runs in a folder (by default the user's), the latest first."""
    place = folder or home.runs_folder()
    if not place.is_dir():
        return []
    found = [summarize(path) for path in place.iterdir() if (path / RUN).is_file()]
    return sorted(found, key=lambda run: (-run.modified, run.path.name))


def summarize(path: Path) -> RunSummary:
    """How far the run in a folder is."""
    try:
        return _summarize(path)
    except (RunError, KeyError, TypeError, ValueError, OSError) as error:
        problem = error.problem if isinstance(error, RunError) else f"{path} is damaged: {error!r}."
        return RunSummary(path=path, state="damaged", ending=problem)


def _summarize(path: Path) -> RunSummary:
    header = read_json(path / RUN, "")
    recipe, search = header["recipe"], header["recipe"]["search"]
    first = int(not search.get("dense", True))
    names = (path / f"levels/{index:03d}/{SEAL}" for index in itertools.count(first))
    seals = list(itertools.takewhile(Path.is_file, names))
    last = read_json(seals[-1], "") if seals else {}
    ending = last.get("ending")
    state: RunState = "finished" if ending is not None else "stopped"
    return RunSummary(
        path=path,
        state="running" if is_held(path / "lock") else state,
        recipe=recipe["name"],
        digest=header["digest"],
        trials=search["trials"],
        levels=len(seals),
        planned=level_count(recipe["pruning"], search),
        density=last.get("density"),
        ending=ending["about"] if ending else "",
        bundle=path / "bundle" if (path / "bundle/ticket.json").is_file() else None,
        modified=(seals[-1] if seals else path / RUN).stat().st_mtime,
    )
