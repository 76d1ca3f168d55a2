"""Runs and experiments that are removed, whole."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from ticket_hub import home
from ticket_hub.errors import RunError, StorageError, TicketNotFoundError
from ticket_hub.runs.listing import RunSummary, folder_size, kind_of, list_runs, summarize
from ticket_hub.runs.lock import hold

__all__ = ["find_run", "rm_run"]


def find_run(name: str, runs: Path | None = None) -> RunSummary:
    """The run or experiment of a name that `ticket list` shows, or at a path.

    Args:
        runs: the folder of runs, by default the user's.

    Raises:
        TicketNotFoundError: there is none.
        RunError: several have this name, or the folder is no run.
    """
    found = [run for run in list_runs(runs, experiments=True) if run.path.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise RunError(
            f"{len(found)} runs are called {name!r}: {', '.join(str(run.path) for run in found)}.",
            "Give the path of one of them.",
        )
    path = Path(name)
    if not path.is_dir():
        raise TicketNotFoundError(
            f"There is no run {name!r} in {runs or home.runs_folder()}.",
            "`ticket list` shows the runs that are here; others are given by their paths.",
        )
    _refuse_other(path)
    return summarize(path)


def _refuse_other(path: Path) -> None:
    if kind_of(path) is None:
        raise RunError(
            f"{path} is no run and no experiment, so nothing in it is removed.",
            "Give a folder that `ticket find`, `ticket retrain` or `ticket transfer` made.",
        )


def rm_run(path: str | Path) -> int:
    """Remove a run or an experiment; returns the bytes that were in its files.

    It gets another name first, so that what is left after a crash is never taken for a run.

    Raises:
        RunError: it is no run and no experiment.
        RunLockedError: a process works in it.
        StorageError: it cannot be removed.
    """
    path = Path(path)
    _refuse_other(path)
    place = path.resolve()  # it may lie on another disk, behind a link
    freed = folder_size(place)
    grave = place.with_name(f".{place.name}.removed-{secrets.token_hex(6)}")
    try:
        with hold(place / "lock"):
            place.rename(grave)
        shutil.rmtree(grave)
        if path.is_symlink():
            path.unlink()
    except OSError as error:
        left = grave if grave.exists() else place
        raise StorageError(
            f"{path} could not be removed whole: {error.strerror or error}.",
            f"Check the permissions; what is left of it is in {left}.",
        ) from error
    return freed
