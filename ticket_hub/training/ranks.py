"""Processes that train one network together, as `torchrun` starts them: RANK and WORLD_SIZE.

The first process, rank 0, is the command or the program: it alone reads recipes, writes
checkpoints and results, and talks to people. The others follow it: they are told what to train,
train their share of every batch, and end when it ends. gloo carries tensors on a CPU and all
messages, NCCL the tensors on CUDA.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from importlib import metadata
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed
from torch.distributed.rendezvous import rendezvous

from ticket_hub.errors import TicketHubError, TrainingError

__all__ = ["Team", "current", "joined"]

T = TypeVar("T")

STEP_TIME = timedelta(minutes=10)
"""How long one process waits for another within a step; one that died is noticed at once."""

ORDER_TIME = timedelta(days=7)
"""How long the others wait for the first one's next order, which may be searching its data."""

PIECE = 2**28
"""The most numbers that are sent at once."""

_team: Team | None = None


class Team:
    """The processes that train together, seen from one of them.

    Every method is called by all of them, in the same order; each raises `TrainingError` where
    another process is gone.

    Attributes:
        rank: of this process, counted from 0.
        size: how many there are.
        data: what all of them have at hand; None before anything was trained.
        is_training: whether the others are in the middle of a task, and wait for this process.
    """

    def __init__(self, store: Any, rank: int, size: int) -> None:  # noqa: ANN401 - torch does not export its class
        self.rank, self.size = rank, size
        self.data: object = None
        self.is_training = False
        self._store = store
        # Of its own, since a group has one patience for all that is sent within it.
        self._orders = distributed.new_group(backend="gloo", timeout=ORDER_TIME)
        self._broken = False

    def share(self, examples: int) -> slice:
        """The examples of a batch that are this process's: parts differ by one at most."""
        bounds = [examples * rank // self.size for rank in (self.rank, self.rank + 1)]
        return slice(*bounds)

    def tell(self, told: Any = None) -> Any:  # noqa: ANN401 - an order, or the end
        """What the first process gives, in all of them."""
        box = [told]
        with self._together():
            distributed.broadcast_object_list(box, src=0, group=self._orders)
        return box[0]

    def gather(self, said: T) -> list[T]:
        """What each process says, by rank."""
        box: list[Any] = [None] * self.size
        with self._together():
            distributed.all_gather_object(box, said, group=self._orders)
        return box

    def agree(self, what: str, said: str, remedy: str) -> None:
        """Refuse to go on where the processes do not say the same.

        Raises:
            TrainingError: it names the first rank that differs, in all processes.
        """
        found = self.gather(said)
        differing = [rank for rank, text in enumerate(found) if text != found[0]]
        if differing:
            rank = differing[0]
            raise TrainingError(
                f"The processes that train together differ in {what}: rank 0 has "
                f"{found[0][:40]}, rank {rank} {found[rank][:40]}.",
                remedy,
            )

    def any(self, wish: bool) -> bool:  # noqa: FBT001 - as the builtin
        """Whether any process wishes it."""
        vote = torch.tensor([int(wish)])
        with self._together():
            distributed.all_reduce(vote, distributed.ReduceOp.MAX)
        return bool(vote)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Put the sum over all processes in place of each tensor, to the same bits everywhere."""
        flat = torch.cat([value.reshape(-1) for value in tensors])
        with self._together():
            distributed.all_reduce(flat)
        _spread(flat, tensors)

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Put the first process's values in place of each tensor; they are of one dtype."""
        if not tensors:
            return
        alone = len(tensors) == 1 and tensors[0].is_contiguous()
        flat = tensors[0].view(-1) if alone else torch.cat([each.reshape(-1) for each in tensors])
        for piece in flat.split(PIECE):
            with self._together():
                distributed.broadcast(piece, src=0)
        if not alone:
            _spread(flat, tensors)

    def leave(self, error: BaseException | None) -> None:
        """Cut the connections, so that nobody waits for this process; say why where it failed."""
        # The store outlives the connections: whoever loses this process finds the reason there.
        if error is not None and not self._broken:
            with contextlib.suppress(RuntimeError):
                self._store.set(f"failed/{self.rank}", _reason(error))
        self._broken = True
        with contextlib.suppress(RuntimeError):
            distributed.destroy_process_group()

    @contextlib.contextmanager
    def _together(self) -> Iterator[None]:
        # Others may be at another call by now, which ours would be taken for.
        if self._broken:
            raise self._lost("")
        try:
            yield
        except RuntimeError as error:
            self._broken = True
            raise self._lost(str(error).splitlines()[0]) from error

    def _lost(self, about: str) -> TrainingError:
        return TrainingError(
            f"Process {self.rank} of {self.size} has lost the others that it trains with. "
            f"{self._said() or about}".rstrip(),
            "Run the same command again, with as many processes: it goes on from the last "
            "checkpoint.",
        )

    def _said(self) -> str:
        """What a process that failed has left behind, as sentences."""
        said = []
        for rank in range(self.size):
            with contextlib.suppress(RuntimeError):  # where the store went with the first process
                if self._store.check([f"failed/{rank}"]):
                    said.append(f"Rank {rank}: {self._store.get(f'failed/{rank}').decode()}")
        return " ".join(said)


def current() -> Team | None:
    """The processes that this one trains with, or None where it trains alone."""
    return _team


@contextlib.contextmanager
def joined(environment: Mapping[str, str]) -> Iterator[Team]:
    """Meet the other processes, and part from them at the end.

    Args:
        environment: with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as `torchrun` sets them.

    Raises:
        TrainingError: the others do not come, or have other versions.
    """
    global _team  # noqa: PLW0603 - a process has one
    rank, size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    cuda = torch.cuda.is_available() and distributed.is_nccl_available()
    try:
        store, _, _ = next(iter(rendezvous("env://", rank, size, timeout=STEP_TIME)))
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if cuda else "gloo",
            store=store,
            rank=rank,
            world_size=size,
            timeout=STEP_TIME,
        )
    except (RuntimeError, ValueError, KeyError) as error:
        raise TrainingError(
            f"Process {rank} of {size} did not find the others: {error}.",
            "Start all of them with torchrun, or with RANK, WORLD_SIZE, MASTER_ADDR and "
            "MASTER_PORT set as it sets them.",
        ) from error
    team = Team(store, rank, size)
    try:
        versions = f"ticket-hub {metadata.version('ticket-hub')} and torch {torch.__version__}"
        team.agree("versions", versions, "Install the same versions for all of them.")
        _team = team
        yield team
    except BaseException as error:
        team.leave(error)
        raise
    else:
        team.leave(None)
    finally:
        _team = None


def _spread(flat: Tensor, tensors: Sequence[Tensor]) -> None:
    place = 0
    for value in tensors:
        value.copy_(flat[place : place + value.numel()].view(value.shape))
        place += value.numel()


def _reason(error: BaseException) -> str:
    if isinstance(error, TicketHubError):
        return error.problem
    return f"It failed with {type(error).__name__}: {error}".rstrip(".") + "."
