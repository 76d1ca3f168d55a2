"""What the first of several processes tells the others that train with it, and how they follow."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from ticket_hub import plugins
from ticket_hub.content_id import content_digest
from ticket_hub.data import DataSet, PackedImages, Part
from ticket_hub.environment import choose_device
from ticket_hub.errors import (
    DivergedError,
    RecipeError,
    StoppedError,
    TicketHubError,
    TrainingError,
)
from ticket_hub.networks import blank_module
from ticket_hub.networks.factory import trust
from ticket_hub.networks.registry import home_module
from ticket_hub.training.capacity import world_size
from ticket_hub.training.local import run_task, teller
from ticket_hub.training.member import Progress, Trained
from ticket_hub.training.messages import portable
from ticket_hub.training.ranks import Team, joined
from ticket_hub.training.sharing import NONE, packed_images, shell_of
from ticket_hub.training.task import Task
from ticket_hub.types import Weights

__all__ = ["check_shares", "follow", "lead", "together"]

T = TypeVar("T")

SHARING = ("auto", "plain", "lanes")
"""What `training.backend` may be: the others compute all members of a population at once."""

AGAIN = "Run the same command again: it goes on from the last checkpoint. If that repeats, the "
MASKS = f"{AGAIN}messages between the processes arrive changed: check the network."
WEIGHTS = f"{AGAIN}processes compute differently: train on devices of one kind."


@dataclass(frozen=True, kw_only=True)
class _Data:
    """Have these data: the shell and what its tensors are; their values follow."""

    shell: DataSet
    tensors: tuple[tuple[tuple[int, ...], torch.dtype], ...]
    packed: tuple[PackedImages | None, ...]
    device: str


@dataclass(frozen=True, kw_only=True)
class _Do:
    """Train your share of this task."""

    task: Task
    module: str
    imports: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _End:
    """That was all, or went wrong."""

    error: TicketHubError | None


def together(
    work: Callable[[], T],
    otherwise: Callable[[TicketHubError | None], T] | None = None,
    *,
    should_stop: Callable[[], bool] | None = None,
) -> T | None:
    """Do a work in the first of several processes; the others train along, until it has ended.

    Each process calls it, with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT as `torchrun` sets
    them. In a process alone it is `work()`. Whatever trains within it, such as
    `ticket_hub.find` and `ticket_hub.retrain`, trains each network by all processes.

    Args:
        otherwise: what the others give back, from the error that the first one met; by default
            they raise it, or give None.
        should_stop: asked in the others; once one process wishes to stop, all do.

    Raises:
        TrainingError: the others do not come, have other versions, or are gone.
    """
    if world_size() == 1:
        return work()
    with joined(os.environ) as team:
        if team.rank:
            met = follow(team, should_stop)
        else:
            try:
                result = work()
            except BaseException as error:
                _end(team, error)
                raise
            _end(team)
            return result
    if otherwise is not None:
        return otherwise(met)
    if met is not None:
        raise met
    return None


def _end(team: Team, error: BaseException | None = None) -> None:
    """Let the others end, too, unless they are in the middle of a task, or gone."""
    if not team.is_training:
        with contextlib.suppress(TrainingError) if error is not None else contextlib.nullcontext():
            team.tell(_End(error=None if error is None else portable(error)))


def lead(
    team: Team,
    data: DataSet,
    tasks: Sequence[Task],
    observe: Callable[[Progress], None] | None,
    should_stop: Callable[[], bool] | None,
) -> dict[str, Trained]:
    """Do all tasks with all processes; results by the members' names. Called by the first one.

    Raises:
        RecipeError: the recipe forces a backend that cannot share a batch, or a batch is smaller
            than there are processes.
        TrainingError: as `run_task`; or another process is gone, or has other bits.
    """
    done: dict[str, Trained] = {}
    for task in tasks:
        check_shares(task, data, team.size)
        if team.data is not data:
            _send(team, data)
        module = home_module(task.architecture.name)
        # The first process alone keeps checkpoints.
        told = dataclasses.replace(task, keeper=None)
        team.tell(_Do(task=told, module=module, imports=tuple(plugins.given())))
        results = _do(team, data, task, teller(observe), should_stop)
        done |= {m.name: result for m, result in zip(task.members, results, strict=True)}
    return done


def follow(team: Team, should_stop: Callable[[], bool] | None = None) -> TicketHubError | None:
    """Train what the first process tells, until it ends; what it met, or None.

    Raises:
        TicketHubError: this process cannot go on, or the others are gone.
    """
    data: DataSet | None = None
    while not isinstance(told := team.tell(), _End):
        if isinstance(told, _Data):
            data = _receive(team, told)
            continue
        assert data is not None, "data come before the first task"
        for source in told.imports:
            plugins.use(source)
        importlib.import_module(told.module)
        trust(told.module)
        try:
            _do(team, data, told.task, lambda _: None, should_stop)
        except (DivergedError, StoppedError):  # so it is for all of them, and the first decides
            continue
    return told.error


def _do(
    team: Team,
    data: DataSet,
    task: Task,
    observe: Callable[[list[Progress]], None],
    should_stop: Callable[[], bool] | None,
) -> list[Trained]:
    """One task, in each process; it ends where all of them have the same bits."""
    team.is_training = True
    try:
        starts: Sequence[Weights] = [dict(state.tensors) for state in task.states]
        starts = starts or [dict(member.weights) for member in task.members]
        pairs = zip(task.members, starts, strict=True)
        begun = [tensors for member, start in pairs for tensors in (member.mask, start)]
        team.agree("masks and weights", _digest(begun), MASKS)
        results = run_task(data, task, observe, should_stop, team)
        # Parameters alone: running statistics of norms are each process's own.
        names = [name for name, _ in blank_module(task.architecture).named_parameters()]
        trained = [{name: done.weights[name] for name in names} for done in results]
        team.agree("what they trained", _digest(trained), WEIGHTS)
    except (DivergedError, StoppedError):
        # These two are raised in all processes at the same step. After any other error the others
        # are still in the middle of the task, and wait for no message of ours (`_end`).
        team.is_training = False
        raise
    team.is_training = False
    return results


def check_shares(task: Task, data: DataSet, size: int) -> None:
    """Refuse what so many processes cannot train together.

    Raises:
        RecipeError: a forced backend, a batch with fewer examples than there are processes, or
            pairs of `training.mixup` that would be torn apart.
    """
    forced = task.training.backend
    if forced not in SHARING:
        raise RecipeError(
            f"The backend {forced!r} cannot train one network on {size} processes.",
            "Set training.backend = 'auto', or train with one process.",
        )
    batch = min(task.training.batch_size, len(data.train))
    if batch < size:
        raise RecipeError(
            f"A batch of {batch} examples cannot be split over {size} processes.",
            "Use fewer processes. A larger training.batch_size is another recipe.",
        )
    # Neighbours in a batch are mixed: where all shares are even, they are so in every process.
    if task.training.mixup and batch % (2 * size):
        raise RecipeError(
            f"training.mixup mixes pairs, and {size} processes do not get whole pairs of {batch} "
            "examples each.",
            f"Use fewer processes, or a training.batch_size that {2 * size} divides.",
        )


def _send(team: Team, data: DataSet) -> None:
    here = data.to("cpu")
    packed = tuple(packed_images(part) for part in _parts(here))
    inputs = [NONE if packed_images(part) is not None else part.inputs for part in _parts(here)]
    tensors = [each.contiguous() for each in (*inputs, *(part.labels for part in _parts(here)))]
    told = tuple((tuple(each.shape), each.dtype) for each in tensors)
    device = data.device.type
    team.tell(_Data(shell=shell_of(here), tensors=told, packed=packed, device=device))
    for tensor in tensors:
        team.copy_first([tensor])
    team.data = data


def _receive(team: Team, told: _Data) -> DataSet:
    tensors = [torch.empty(shape, dtype=dtype) for shape, dtype in told.tensors]
    for tensor in tensors:
        team.copy_first([tensor])
    train, validation, test = (
        Part(inputs=inputs if pictures is None else pictures, labels=labels)
        for inputs, labels, pictures in zip(tensors[:3], tensors[3:], told.packed, strict=True)
    )
    data = dataclasses.replace(told.shell, train=train, validation=validation, test=test)
    return data.to(choose_device(told.device))


def _parts(data: DataSet) -> tuple[Part, Part, Part]:
    return (data.train, data.validation, data.test)


def _digest(parts: Sequence[Weights]) -> str:
    return hashlib.sha256("".join(map(content_digest, parts)).encode()).hexdigest()
