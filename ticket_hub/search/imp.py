"""Iterative magnitude pruning (Frankle & Carbin 2019, section 1), resumable at any moment."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Sequence
from pathlib import Path

from ticket_hub import home
from ticket_hub.durable import sweep
from ticket_hub.errors import RunError
from ticket_hub.recipe import Recipe
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.level import Level
from ticket_hub.runs.listing import summarize
from ticket_hub.runs.lock import hold
from ticket_hub.runs.resources import Resources
from ticket_hub.search.level_trainer import LevelTrainer
from ticket_hub.search.parts import Parts
from ticket_hub.search.pretrained import Theta0Choice
from ticket_hub.search.session import SearchSession

__all__ = ["assemble", "refuse_strange", "search"]

USUAL = Resources()


def search(
    recipe: Recipe,
    *,
    run_folder: Path | None = None,
    resources: Resources = USUAL,
    theta0: Theta0Choice = "auto",
    shared_with: Sequence[Path] = (),
) -> Generator[Level, None, None]:
    """Yield one level per pruning round; levels already on disk are read, not trained again.

    Everything lies in the run folder (see `ticket_hub.runs.folder`), and its bundle is complete
    for all levels yielded so far. Killed at any moment and called again, the search goes on where
    it was, and its masks, theta0 and ticket ids are bit for bit those of an undisturbed one. A
    recipe that differs in `search.levels`, `stop_density` or `stop_below_dense` alone goes on with
    a run that has not gone further: it is then a run of that recipe, digest and all. A finished run
    is read where it may not be written, too. The
    last level says why it is the last, in its `ending`. The folder is owned until the generator
    is exhausted or closed. Nothing is checked or begun before the first level is asked for.

    Args:
        run_folder: where the run lies; by default `runs/NAME-DIGEST` under `TICKET_HOME`.
        resources: what training may use, and whom it tells.
        theta0: how a new run's bundle keeps the weights of a pretrained start: `dense`, all of
            them; `reference`, only what is not of their source; `auto`, by reference where the
            source is a file of safetensors on a hub. A run that was begun stays as it is.
        shared_with: folders of other runs. A level that one of them has trained from the same
            weights under the same masks, with the same data, network, training and environment, is
            taken over instead of trained: the run is bit for bit the one that it is without.

    Raises:
        RunLockedError: another process works in the folder.
        RunMismatchError: the folder holds a run of another recipe, or the data have changed.
        EnvironmentMismatchError: the run was begun in another environment, and is not finished.
        RunError: a file of the run is damaged, or the folder holds something else.
        StoppedError: `resources.should_stop` became true; the same call goes on.
        DataError, NetworkError, PruningError, TrainingError, StorageError: as their names say;
            what was finished before stays, and the same call goes on.
    """
    folder = RunFolder(run_folder or home.runs_folder() / recipe.run_name)
    # Before the lock is taken, whose file makes a run of any folder.
    refuse_strange(folder)
    with contextlib.ExitStack() as stack:
        # There is nothing to do but to read, where nothing could be written anyway.
        readable = folder.lock.exists() and not os.access(folder.lock, os.W_OK)
        if not (readable and summarize(folder.path).state == "finished"):
            stack.enter_context(hold(folder.lock))
            # Under the lock: what is half written here now is of a process that has died.
            sweep(folder.path)
        trainer = LevelTrainer(recipe, resources, stack, theta0, shared_with)
        yield from SearchSession(folder, trainer).levels(trainer.train)


def assemble(
    recipe: Recipe, parts: Sequence[Path], *, run_folder: Path, resources: Resources = USUAL
) -> Generator[Level, None, None]:
    """Yield the levels of a search whose trials were made in several runs; nothing is trained.

    The run that it leaves is byte for byte the one that `search` makes, since all but training is
    done by the same code: the parts only stand in for the trainer.

    Args:
        parts: finished run folders; together their recipes have the trials of `recipe`, and
            differ from it in `search.seed` and `search.trials` alone. They are only read.
        resources: of which `should_stop` and `accept_environment` alone are asked.

    Raises:
        RunError: a part is missing, damaged, or of another search.
        EnvironmentMismatchError: parts were made in different environments.
        RunLockedError, RunMismatchError, StoppedError, StorageError: as `search`.
    """
    folder = RunFolder(run_folder)
    refuse_strange(folder)
    with hold(folder.lock):
        sweep(folder.path)
        made = Parts(recipe, resources, parts)
        yield from SearchSession(folder, made).levels(made.train)


def refuse_strange(folder: RunFolder) -> None:
    """Refuse a folder that cannot become a run.

    Raises:
        RunError: it is a file, a link to nothing, or holds something that is no run.
    """
    path = folder.path
    if path.is_symlink() and not path.exists():
        raise RunError(
            f"{path} is a link to {path.readlink()}, where there is nothing.",
            "Make that folder, or remove the link.",
        )
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file.", "Name a folder for the run.")
    if path.is_dir() and any(path.iterdir()) and not folder.lock.exists():
        raise RunError(
            f"{path} holds something that is no run.", "Name a new folder, or an empty one."
        )
