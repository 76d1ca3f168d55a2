"""Train a population: who trains what, in which process, and what comes back."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType

import torch

from ticket_hub.data import DataSet
from ticket_hub.errors import NetworkError, RecipeError
from ticket_hub.networks import blank_module
from ticket_hub.networks.registry import home_module
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training import ranks
from ticket_hub.training.capacity import cores, free_bytes
from ticket_hub.training.cost import Cost, count
from ticket_hub.training.following import lead
from ticket_hub.training.local import run_here, run_over
from ticket_hub.training.member import Keeper, Member, MemberState, Progress, Trained
from ticket_hub.training.memory import check_memory, needed_bytes
from ticket_hub.training.plan import divide, seconds_of_work
from ticket_hub.training.pool import Pool
from ticket_hub.training.process import can_import
from ticket_hub.training.settings import check_precision
from ticket_hub.training.smaller import made_smaller
from ticket_hub.training.task import Task
from ticket_hub.types import Architecture

__all__ = ["Trainer", "train"]

WORTH_SECONDS = 20.0
"""Work of one core below which starting processes takes longer than it saves."""


class Trainer:
    """Owns the worker processes and their one copy of the data through many calls of `train`.

    A context manager: leaving it ends the processes. On a CUDA device all members are trained in
    this process. Where this is the first of several processes that train together
    (`ticket_hub.training.ranks`), all of them train each member, one member after the other.

    Args:
        data: what to train on; its device is where training happens.
        devices: more CUDA devices that take members, where there are several; a member is trained
            on one of them. Backends that multiply all members at once have other bits where their
            members are divided.
        workers: single-threaded processes on a CPU. None takes one for each core that this
            process may use, but no more than there are members, and none where the work is too
            small to be worth a process. With 1, everything happens in this process. No result
            depends on it.

    Raises:
        RecipeError: fewer than 1 worker.
    """

    def __init__(
        self,
        data: DataSet,
        *,
        workers: int | None = None,
        devices: Sequence[torch.device] = (),
    ) -> None:
        if workers is not None and not (isinstance(workers, int) and workers >= 1):
            raise RecipeError(f"There cannot be {workers} workers.", "Use 1 or more.")
        self.data, self.workers = data, workers
        self._device = data.device
        more = [device for device in devices if device != data.device]
        self._copies = [data, *(data.to(device) for device in more)]
        self._pool: Pool | None = None

    def __enter__(self) -> Trainer:  # noqa: PYI034 - `Self` is unknown to the checker in the tests
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def train(
        self,
        architecture: Architecture,
        training: TrainingSpec,
        members: Sequence[Member],
        *,
        snapshots: Sequence[int] = (),
        keeper: Keeper | None = None,
        checkpoint_seconds: float = 60.0,
        observe: Callable[[Progress], None] | None = None,
        notify: Callable[[str], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> list[Trained]:
        """Train every member from its start to `training.iterations`, in the order given.

        Members never influence each other: a member's result depends neither on who else is in
        the population nor on the number of workers.

        Args:
            snapshots: iterations at which the state dict is kept, for rewinding.
            keeper: where checkpoints are looked for at the beginning and kept on the way. It is
                pickled to the worker processes and called there.
            checkpoint_seconds: seconds between two checkpoints; longer where saving one takes
                more than 2% of that.
            observe: called in this process after each evaluation, once for every member.
            notify: told in one sentence why masks of units are trained as zeros, where they are.
            should_stop: asked in this process, often, so that it should be cheap; once it is
                true, a checkpoint is saved and `StoppedError` raised, within 10 seconds.

        Raises:
            RecipeError: the forced backend cannot train this network with this optimizer.
            NetworkError: a parameter of the network is frozen.
            DivergedError: a loss is NaN or infinite; it names the member and the iteration.
            MemoryLimitError: the population does not fit into memory.
            StoppedError: `should_stop` became true.
        """
        if not members:
            return []
        check_precision(training, self._device)
        if ranks.current() is None:  # several processes share a batch of the whole network
            members, reasons = made_smaller(architecture, training, self.data, members)
            if notify is not None:
                for reason in reasons:
                    notify(reason)
        blank = Task(
            architecture=architecture,
            training=training,
            backend="plain",
            members=tuple(members),
            snapshots=tuple(snapshots),
            keeper=keeper,
            checkpoint_seconds=checkpoint_seconds,
        )
        states = {m.name: state for m in members if keeper and (state := keeper.load(m.name))}
        tasks, workers = self._plan(blank, states)
        done = self._run(tasks, workers, observe, should_stop)
        return [done[member.name] for member in members]

    def _plan(self, blank: Task, states: Mapping[str, MemberState]) -> tuple[list[Task], int]:
        """The tasks, and how many processes do them; with 1, this one does.

        What does not fit is done by fewer processes, and then in smaller groups, one after the
        other.
        """
        module = blank_module(blank.architecture)
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                raise NetworkError(
                    f"The parameter {name!r} of {blank.architecture.name!r} is frozen, and all "
                    "parameters are trained here.",
                    "Make it a buffer, leave it unfrozen, or train in your own loop: "
                    "ticket_hub.own.",
                )
        cost = count(module, self.data.input_shape)
        team = ranks.current()
        if team is not None:  # members one after the other, each process with its share
            share = replace(blank.training, batch_size=-(-blank.training.batch_size // team.size))
            needed = needed_bytes(
                cost, self.data, share, [len(blank.members)], 1, backend=blank.backend
            )
            check_memory(needed, free_bytes(self._device), self._device)
            found = divide(blank, module, self.data, states, 1)
            return [replace(task, backend=blank.backend) for task in found], 1
        workers = self._most_workers(blank, cost)
        parts = max(workers, min(len(self._copies), len(blank.members)))
        free = min(free_bytes(copy.device) for copy in self._copies)
        while True:
            tasks = divide(blank, module, self.data, states, parts)
            busy = min(workers, len(tasks))
            groups = [len(task.members) for task in tasks]
            needed = needed_bytes(
                cost, self.data, blank.training, groups, busy, backend=tasks[0].backend
            )
            if needed > free and workers > 1 and self.workers is None:
                workers = parts = min(workers, busy) - 1
            elif needed > free and max(groups) > 1:
                parts = min(2 * parts, len(blank.members))
            else:
                check_memory(needed, free, self._device)
                return tasks, busy

    def _most_workers(self, blank: Task, cost: Cost) -> int:
        home = home_module(blank.architecture.name)
        if self._device.type != "cpu" or os.name != "posix" or not can_import(home):
            return 1
        if self.workers is not None:
            return min(self.workers, len(blank.members))
        small = seconds_of_work(cost, blank.training, blank.members) < WORTH_SECONDS
        return 1 if small else min(cores(), len(blank.members))

    def _run(
        self,
        tasks: Sequence[Task],
        workers: int,
        observe: Callable[[Progress], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> dict[str, Trained]:
        team = ranks.current()
        if team is not None:
            return lead(team, self.data, tasks, observe, should_stop)
        if len(self._copies) > 1 and len(tasks) > 1:
            return run_over(self._copies, tasks, observe, should_stop)
        if workers == 1:
            return run_here(self.data, tasks, observe, should_stop)
        if self._pool is None:
            self._pool = Pool(self.data)
        home = home_module(tasks[0].architecture.name)
        return self._pool.run(tasks, home, observe, should_stop, workers=workers)


def train(
    architecture: Architecture,
    data: DataSet,
    training: TrainingSpec,
    members: Sequence[Member],
    *,
    snapshots: Sequence[int] = (),
    workers: int | None = None,
    keeper: Keeper | None = None,
    checkpoint_seconds: float = 60.0,
    observe: Callable[[Progress], None] | None = None,
    notify: Callable[[str], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Trained]:
    """Train one population; see `Trainer.train`, which is for many in a row."""
    with Trainer(data, workers=workers) as trainer:
        return trainer.train(
            architecture,
            training,
            members,
            snapshots=snapshots,
            keeper=keeper,
            checkpoint_seconds=checkpoint_seconds,
            observe=observe,
            notify=notify,
            should_stop=should_stop,
        )
