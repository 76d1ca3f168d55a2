"""Train a population: who trains what, in which process, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

from ticket_hub.data import DataSet
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.local import run_here
from ticket_hub.training.loop import Task
from ticket_hub.training.member import Keeper, Member, Progress, Trained
from ticket_hub.training.plan import divide, meta_module
from ticket_hub.training.settings import check_precision
from ticket_hub.types import Architecture

__all__ = ["Trainer", "train"]


class Trainer:
    """Owns the worker processes and their one copy of the data through many calls of `train`.

    A context manager: leaving it ends the processes. On a CUDA device all members are trained in
    this process.

    Args:
        data: what to train on; its device is where training happens.
        workers: single-threaded processes on a CPU. None takes one for each core that this
            process may use, but no more than there are members, and none where the work is too
            small to be worth a process. No result depends on it.
    """

    def __init__(self, data: DataSet, *, workers: int | None = None) -> None:
        self.data, self.workers = data, workers

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
            should_stop: asked several times a second; once it is true, a checkpoint is saved and
                `StoppedError` raised, within 10 seconds.

        Raises:
            RecipeError: the forced backend cannot train this network with this optimizer.
            DivergedError: a loss is NaN or infinite; it names the member and the iteration.
            MemoryLimitError: the population does not fit into memory.
            StoppedError: `should_stop` became true.
        """
        device = self.data.train.images.device
        check_precision(training, device)
        states = {m.name: state for m in members if keeper and (state := keeper.load(m.name))}
        shares = divide(
            meta_module(architecture), training, device, members, states=states, workers=1
        )
        tasks = [
            Task(
                architecture=architecture,
                training=training,
                backend=share.backend,
                members=share.members,
                states=share.states,
                snapshots=tuple(snapshots),
                keeper=keeper,
                checkpoint_seconds=checkpoint_seconds,
            )
            for share in shares
        ]
        done = run_here(self.data, tasks, observe, should_stop)
        return [done[member.name] for member in members]


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
            should_stop=should_stop,
        )
