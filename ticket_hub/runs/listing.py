"""The runs that lie in a folder, and how far each is. Needs no PyTorch and no lock."""

from __future__ import annotations

import contextlib
import itertools
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from ticket_hub import home
from ticket_hub.bundle.encoding import decode
from ticket_hub.bundle.layout import MANIFEST
from ticket_hub.bundle.spec import default_ticket, records_in
from ticket_hub.errors import BundleError, RunError
from ticket_hub.recipe.own import ACCURACY, Metric
from ticket_hub.recipe.spec import level_count
from ticket_hub.runs.file_names import ENVIRONMENT, EVIDENCE, EXPERIMENT, MATRIX, RUN, SEAL
from ticket_hub.runs.lock import is_held
from ticket_hub.runs.places import remembered
from ticket_hub.runs.seal import read_json

__all__ = [
    "RunKind",
    "RunResult",
    "RunState",
    "RunSummary",
    "folder_size",
    "kind_of",
    "list_runs",
    "result_of",
    "summarize",
]

RunState: TypeAlias = Literal["running", "finished", "stopped", "damaged"]
"""What can be said of a run from its folder alone."""

RunKind: TypeAlias = Literal["search", "retrain", "transfer"]
"""What a folder of work is of: `ticket find`, `ticket retrain` or `ticket transfer`."""

_MARKS: tuple[tuple[str, RunKind], ...] = (
    (RUN, "search"),
    (MATRIX, "transfer"),
    (EXPERIMENT, "retrain"),
)


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run folder at a glance.

    Attributes:
        path: the folder; its name is the run's name.
        kind: of a search, or of an experiment with its tickets.
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
        network: its name.
        data: the data set's name.
        modified: time of the last finished step, in seconds since the epoch.
    """

    path: Path
    state: RunState
    kind: RunKind = "search"
    recipe: str = ""
    digest: str = ""
    trials: int = 0
    levels: int = 0
    planned: int = 0
    density: float | None = None
    ending: str = ""
    bundle: Path | None = None
    network: str = ""
    data: str = ""
    modified: float = 0.0


def list_runs(folder: str | Path | None = None, *, experiments: bool = False) -> list[RunSummary]:
    """The searches in a folder, the latest first.

    Args:
        folder: by default the user's.
        experiments: those of `ticket retrain` and `ticket transfer`, too, and, where no folder is
            named, what was made elsewhere on this machine (`--out`).
    """
    place = Path(folder) if folder else home.runs_folder()
    paths = list(place.iterdir()) if place.is_dir() else []
    paths += remembered() if experiments and folder is None else []
    kinds = {path: kind_of(path) for path in paths if not path.name.startswith(".")}
    wanted = [path for path, kind in kinds.items() if kind == "search" or (experiments and kind)]
    return sorted(map(summarize, wanted), key=lambda run: (-run.modified, run.path.name))


def kind_of(path: Path) -> RunKind | None:
    """What a folder is of; None where it is of no run and no experiment, or may not be read."""
    with contextlib.suppress(PermissionError):  # another user's, in a folder that they share
        return next((kind for mark, kind in _MARKS if (path / mark).is_file()), None)
    return None


def summarize(path: Path) -> RunSummary:
    """How far the run or experiment in a folder is."""
    try:
        kind = kind_of(path) or "search"
        return _summarize(path) if kind == "search" else _summarize_experiment(path, kind)
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
        network=header.get("architecture", {}).get("name", ""),
        data=header.get("data", {}).get("name", ""),
        recipe=recipe["name"],
        digest=header["digest"],
        trials=search["trials"],
        levels=len(seals),
        planned=level_count(recipe["pruning"], search),
        density=last.get("density"),
        ending=ending["about"] if ending else "",
        bundle=path / "bundle" if (path / "bundle" / MANIFEST).is_file() else None,
        modified=(seals[-1] if seals else path / RUN).stat().st_mtime,
    )


def _summarize_experiment(path: Path, kind: RunKind) -> RunSummary:
    header = read_json(path / (EXPERIMENT if kind == "retrain" else MATRIX), "")
    spec = header.get("spec", {})
    evidence = path / EVIDENCE
    ended = kind == "transfer" or evidence.is_file()
    last = evidence if evidence.is_file() else path / ENVIRONMENT
    return RunSummary(
        path=path,
        kind=kind,
        state="running" if is_held(path / "lock") else "finished" if ended else "stopped",
        digest=header.get("digest", ""),
        network=spec.get("network", {}).get("name", ""),
        data=spec.get("data", {}).get("name", ""),
        modified=(last if last.is_file() else path).stat().st_mtime,
    )


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What the default ticket of a run reaches, and what the run takes.

    Attributes:
        value: of the metric, the mean over the trials; None where nothing was measured.
        metric: what `value` is of, and how it is shown.
        trained: False where that is of networks that nobody had trained.
        density: of that ticket.
        size: bytes of all files of the run.
    """

    value: float | None
    metric: Metric
    density: float | None
    size: int
    trained: bool = True


def result_of(run: RunSummary) -> RunResult:
    """What a run came to: its manifest is read, and all of its files are counted."""
    size = folder_size(run.path)
    with contextlib.suppress(BundleError, OSError):
        if run.bundle is not None:
            manifest = decode((run.bundle / MANIFEST).read_bytes())
            meant = default_ticket(manifest, partial(records_in, run.bundle, manifest))
            level = manifest.level(meant.level)
            if level is not None and level.evidence is not None:
                return RunResult(
                    value=level.evidence.test_accuracy.mean,
                    metric=manifest.metric,
                    density=level.density,
                    size=size,
                    trained=level.evidence.is_trained,
                )
    return RunResult(value=None, metric=ACCURACY, density=None, size=size)


def folder_size(path: Path) -> int:
    """Bytes of all files in a folder, of which some may vanish meanwhile."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118 - many files
    return total
