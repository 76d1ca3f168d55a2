"""Searches, retrainings and transfers on an engine: the library's functions, done elsewhere.

Each makes works, has them done, and then calls the function that does the same in this process:
that finds everything done, reads it and says what came of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from ticket_hub import home
from ticket_hub.engines.base import Engine, Find, Retrain, Work
from ticket_hub.engines.division import divide
from ticket_hub.engines.folder import works_folder
from ticket_hub.engines.following import Listener, follow
from ticket_hub.engines.progress import as_progress
from ticket_hub.recipe import Recipe
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.listing import summarize
from ticket_hub.runs.lock import hold
from ticket_hub.runs.resources import ResourceOptions, Resources, check_keywords
from ticket_hub.search.finding import FindResult, find, result_of
from ticket_hub.search.imp import assemble, refuse_strange
from ticket_hub.search.parts import part_of
from ticket_hub.search.pretrained import Theta0Choice, pinned
from ticket_hub.training import Progress
from ticket_hub.transfer.planning import Plan
from ticket_hub.transfer.retraining import RetrainResult, carry_out
from ticket_hub.transfer.transfer_plan import TransferPlan
from ticket_hub.transfer.transferring import TransferResult, carry_out_transfer

__all__ = ["Surveyor", "find_with", "retrain_with", "transfer_with"]


@dataclass(frozen=True, kw_only=True)
class Surveyor:
    """Who is told how far works are.

    Attributes:
        begin: how many works there are.
        attempt: the name of a work that a process has begun, for the first time or again.
        observe: one member got so far; its name begins with its work's name if there are several.
        step: the work's name (empty if there is one only) and an event: a level of a search, a
            network of a retraining, or a notice; see `ticket_hub.engines.progress`.
    """

    begin: Callable[[int], None] | None = None
    attempt: Callable[[str], None] | None = None
    observe: Callable[[Progress], None] | None = None
    step: Callable[[str, Mapping[str, Any]], None] | None = None

    def listener(self, names: Mapping[Path, str]) -> Listener:
        """For `follow`, with the works' names."""
        if self.begin is not None:
            self.begin(len(names))

        def listen(folder: Path, event: Mapping[str, Any]) -> None:
            """Hand an event of a work to whoever asked for its kind."""
            kind, name = event["event"], names[folder]
            if kind == "started" and self.attempt is not None:
                self.attempt(name)
            elif kind == "progress" and self.observe is not None:
                progress = as_progress(dict(event))
                member = f"{name} {progress.member}".strip()
                self.observe(dataclasses.replace(progress, member=member))
            elif kind in {"level", "result", "notice"} and self.step is not None:
                self.step(name, event)

        return listen


def find_with(
    engine: Engine,
    recipe: Recipe,
    *,
    run_folder: Path | str | None = None,
    theta0: Theta0Choice = "auto",
    shared_with: Sequence[Path | str] = (),
    surveyor: Surveyor | None = None,
    **resources: Unpack[ResourceOptions],
) -> FindResult:
    """As `ticket_hub.find`, on an engine; where it has several slots, in parts.

    The trials are divided among the slots, each part is a run of its own, and all are put together
    into the run that one process would have made, byte for byte; see
    `ticket_hub.engines.division` for what is not divided.

    Args:
        run_folder: by default as `ticket_hub.find`; engines of several machines must reach it.
        theta0, shared_with: as `ticket_hub.find`.
        surveyor: told how far it is.
        resources: `device`, `workers`, `data_dir`, `observe`, `progress`, `should_stop`,
            `accept_environment` and `checkpoint_seconds`; see `ticket_hub.runs.Resources`. A
            `surveyor` is told in the place of `observe`, and what is unusual, too.

    Raises:
        TicketHubError: as `ticket_hub.find` and `ticket_hub.engines.following.follow`.
    """
    check_keywords(find_with, resources, Resources)
    recipe = pinned(recipe, resources.get("data_dir"))
    run = Path(run_folder or home.runs_folder() / recipe.run_name).absolute()
    known = summarize(run)
    if known.state == "finished" and known.digest == recipe.digest:
        return find(recipe, run_folder=run)
    root = works_folder(run)
    parts = divide(recipe, run, root, engine.slots)
    given = Resources(**resources)
    refuse_strange(RunFolder(run))  # before parts are trained that could not be put together there
    others = tuple(str(Path(each).absolute()) for each in shared_with)
    works, names = {}, {}
    for part in parts:
        folder = root / part.name
        place = run if part.is_whole else folder / "run"
        task = Find(
            recipe=part_of(recipe, part.first, part.count), theta0=theta0, shared_with=others
        )
        works[folder] = Work(find=task, run_folder=str(place), **_places(given))
        names[folder] = "" if part.is_whole else part.about
    listen = (surveyor or Surveyor(observe=given.observe)).listener(names)
    follow(engine, works, listen=listen, should_stop=given.should_stop)
    if parts[0].is_whole:
        result = find(recipe, run_folder=run)
    else:
        made = [folder / "run" for folder in works]
        result = result_of(recipe, run, assemble(recipe, made, run_folder=run, resources=given))
    _remove_works(root)
    return result


def retrain_with(
    engine: Engine,
    wanted: Plan,
    *,
    who: str = "",
    run_folder: Path | str | None = None,
    surveyor: Surveyor | None = None,
    **resources: Unpack[ResourceOptions],
) -> RetrainResult:
    """As `ticket_hub.transfer.retraining.carry_out`, on an engine: one work.

    Args:
        resources: `device`, `workers`, `data_dir`, `observe`, `progress`, `should_stop`,
            `accept_environment` and `checkpoint_seconds`; see `ticket_hub.runs.Resources`. A
            `surveyor` is told in the place of `observe`, and what is unusual, too.

    Raises:
        TicketHubError: as `ticket_hub.retrain` and `ticket_hub.engines.following.follow`.
    """
    check_keywords(retrain_with, resources, Resources)
    run = Path(run_folder or wanted.run_folder).absolute()
    root = works_folder(run)
    given = Resources(**resources)
    work = Work(retrain=Retrain.of(wanted, who=who), run_folder=str(run), **_places(given))
    listen = (surveyor or Surveyor(observe=given.observe)).listener({root / "all": ""})
    follow(engine, {root / "all": work}, listen=listen, should_stop=given.should_stop)
    result = carry_out(wanted, Resources(), who=who, run_folder=run)
    _remove_works(root)
    return result


def transfer_with(
    engine: Engine,
    wanted: TransferPlan,
    *,
    who: str = "",
    run_folder: Path | str | None = None,
    surveyor: Surveyor | None = None,
    **resources: Unpack[ResourceOptions],
) -> TransferResult:
    """As `ticket_hub.transfer.transferring.carry_out_transfer`, on an engine: a work for each cell.

    Cells that are done at the same time may each train a network that they have in common; the
    results are the same.

    Args:
        resources: `device`, `workers`, `data_dir`, `observe`, `progress`, `should_stop`,
            `accept_environment` and `checkpoint_seconds`; see `ticket_hub.runs.Resources`. A
            `surveyor` is told in the place of `observe`, and what is unusual, too.

    Raises:
        TicketHubError: as `ticket_hub.transfer_tickets` and `ticket_hub.engines.following.follow`.
    """
    check_keywords(transfer_with, resources, Resources)
    run = Path(run_folder or wanted.run_folder).absolute()
    root = works_folder(run)
    given = Resources(**resources)
    wanted.refuse_strange(run)
    with hold(run / "lock"):
        pass  # the folder is a transfer's from now on
    works = {
        root / cell.run_name: Work(
            retrain=Retrain.of(cell.plan, who=who, shared=str(run)),
            run_folder=str(run / "cells" / cell.run_name),
            **_places(given),
        )
        for cell in wanted.cells
    }
    names = {root / cell.run_name: f"{cell.ticket} on {cell.data}" for cell in wanted.cells}
    listen = (surveyor or Surveyor(observe=given.observe)).listener(names)
    follow(engine, works, listen=listen, should_stop=given.should_stop)
    result = carry_out_transfer(wanted, Resources(), who=who, run_folder=run)
    _remove_works(root)
    return result


def _remove_works(root: Path) -> None:
    """What they have done is in the run."""
    shutil.rmtree(root, ignore_errors=True)
    with contextlib.suppress(OSError):  # others' works are there
        root.parent.rmdir()


def _places(given: Resources) -> dict[str, Any]:
    """What `Work` says of resources, so that it means the same in any process."""
    return {
        "data_dir": str(home.expanded(given.data_dir or home.data_folder()).absolute()),
        "directory": str(Path.cwd()),
        "device": given.device,
        "workers": given.workers,
        "accept_environment": given.accept_environment,
        "checkpoint_seconds": given.checkpoint_seconds,
    }
