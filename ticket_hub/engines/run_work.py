"""One work, from its folder to its result; `execute` is its command line."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ticket_hub import plugins
from ticket_hub.bundle import open_bundle
from ticket_hub.engines.base import Find, OwnTickets, Retrain, Work
from ticket_hub.engines.companions import companions
from ticket_hub.engines.folder import WorkFolder, internal_error
from ticket_hub.engines.progress import ProgressFile
from ticket_hub.errors import RunMismatchError, StoppedError, TicketHubError
from ticket_hub.exit_codes import exit_code
from ticket_hub.runs.file_names import EVIDENCE
from ticket_hub.runs.lock import PATIENCE_SECONDS, hold
from ticket_hub.runs.resources import Resources
from ticket_hub.search.finding import result_of
from ticket_hub.search.imp import search
from ticket_hub.training.following import together
from ticket_hub.transfer.own import Own
from ticket_hub.transfer.planning import Plan
from ticket_hub.transfer.retraining import carry_out
from ticket_hub.transfer.shared import SharedNetworks
from ticket_hub.transfer.source import Source

__all__ = ["do_work", "execute", "train_along"]

MARK_SECONDS = 1.0


def execute(
    place: Path,
    *,
    processes: int = 1,
    patience_seconds: float = PATIENCE_SECONDS,
    is_owned: bool = False,
    should_stop: Callable[[], bool] | None = None,
) -> int:
    """Do the work in a folder and return the exit code; how it ended is in the folder.

    Args:
        processes: that train each network together, this one included; the others are started.
        patience_seconds: how long to wait for a process on a dead machine to lose the lock.
        is_owned: this process already owns the folder's lock.

    Raises:
        RunLockedError: another process does this work.
        EngineError: there is no work in the folder.
        StorageError: its files cannot be written.
    """
    folder = WorkFolder(place)
    owned = (
        contextlib.nullcontext()
        if is_owned
        else hold(folder.lock, patience_seconds=patience_seconds)
    )
    with owned:
        progress = ProgressFile(folder.progress)
        progress.started()
        code = _attempt(folder, progress, _StopSignal(folder, should_stop), processes)
        progress.ended(code)
        return code


@dataclass
class _StopSignal:
    """Whether to stop: by a signal, or by the mark that an engine leaves from another machine.

    The mark is looked for once a second, since it may lie on a slow disk.
    """

    folder: WorkFolder
    asked: Callable[[], bool] | None
    _next_look: float = 0.0
    _is_cancelled: bool = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + MARK_SECONDS
            self._is_cancelled = self.folder.is_cancelled
        return self._is_cancelled or (self.asked is not None and self.asked())


def _attempt(
    folder: WorkFolder,
    progress: ProgressFile,
    should_stop: Callable[[], bool] | None,
    processes: int,
) -> int:
    try:
        work = folder.read()
        with companions(folder.path, processes):
            result = together(lambda: do_work(work, progress, should_stop))
            assert result is not None, "this process is the first of them"
            folder.write_result(result)
    except StoppedError as error:
        return exit_code(error)
    except TicketHubError as error:
        folder.write_failure(error)
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told in the folder
        traceback.print_exc()
        told, code = internal_error(error, folder.log)
        folder.write_failure(told, code)
        return code
    return 0


def train_along(place: Path, should_stop: Callable[[], bool] | None) -> int:
    """Train along with the process that does the work in a folder; the exit code is its own.

    Raises:
        EngineError: there is no work in the folder.
        TrainingError: the other processes do not come, or are gone.
    """
    _prepare(WorkFolder(place).read())
    return (
        together(
            lambda: 0, lambda met: 0 if met is None else exit_code(met), should_stop=should_stop
        )
        or 0
    )


def do_work(
    work: Work,
    progress: ProgressFile,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Do a work in this process and return what it came to, as plain values.

    Raises:
        RunMismatchError: the bundle to retrain is not the one that was meant.
        PluginError: a file or module that the work needs cannot be imported here.
        TicketHubError: as `ticket_hub.find` and `ticket_hub.retrain`.
    """
    _prepare(work)
    resources = Resources(
        data_dir=work.data_dir,
        device=work.device,
        workers=work.workers,
        observe=progress.observe,
        notify=progress.notify,
        should_stop=should_stop,
        accept_environment=work.accept_environment,
        checkpoint_seconds=work.checkpoint_seconds,
    )
    run = Path(work.run_folder)
    if work.find is not None:
        return _find(work.find, run, progress, resources)
    assert work.retrain is not None, "a work is one of the two"
    return _retrain(work.retrain, run, progress, resources)


def _prepare(work: Work) -> None:
    """Let this process be where the work is meant, with what it imports."""
    torch.set_num_threads(1)
    if work.directory:
        os.chdir(work.directory)
    for source in work.imports:
        plugins.use(source)


def _find(task: Find, run: Path, progress: ProgressFile, resources: Resources) -> dict[str, Any]:
    levels = search(
        task.recipe,
        run_folder=run,
        resources=resources,
        theta0=task.theta0,
        shared_with=[Path(other) for other in task.shared_with],
    )
    found = result_of(task.recipe, run, levels, progress.level)
    return {
        "kind": "find",
        "run": str(found.run),
        "bundle": str(found.bundle),
        "recipe": found.recipe.name,
        "digest": found.recipe.digest,
        "ending": {"reason": found.ending.reason, "about": found.ending.about},
        "levels": [vars(level) for level in found.levels],
    }


def _source(bundle: str, bundle_id: str, pulled: str) -> Source:
    source = Source(open_bundle(Path(bundle)), pulled)
    if source.id != bundle_id:
        raise RunMismatchError(
            f"{bundle} is another bundle than the one that was to be retrained.",
            "Submit the work again with the bundle that is there now.",
        )
    return source


def _own(own: OwnTickets) -> Own:
    source = _source(own.bundle, own.bundle_id, own.pulled)
    return Own(source=source, levels=dict(zip(own.levels, own.own_levels, strict=True)))


def _retrain(
    task: Retrain, run: Path, progress: ProgressFile, resources: Resources
) -> dict[str, Any]:
    plan = Plan(
        source=_source(task.bundle, task.bundle_id, task.pulled),
        spec=task.spec,
        request=task.request,
        own=None if task.own is None else _own(task.own),
    )
    shared = SharedNetworks(Path(task.shared)) if task.shared else None
    done = carry_out(
        plan,
        resources,
        who=task.who,
        run_folder=run,
        on_result=lambda result: progress.tell("result", **result.facts),
        shared=shared,
    )
    return {
        "kind": "retrain",
        "run": str(done.run),
        "evidence": str(done.run / EVIDENCE),
        "levels": [
            {
                "level": each.level,
                "density": each.density,
                "verdict": each.verdict.word,
                "reason": each.verdict.reason,
                "n": each.verdict.n,
                "tickets": each.verdict.tickets,
                "family": each.verdict.family,
            }
            for each in done.levels
        ],
    }
