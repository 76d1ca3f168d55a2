"""Tasks done in this process, one after the other."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

import torch

from ticket_hub.data import DataSet
from ticket_hub.errors import MemoryLimitError, TicketHubError
from ticket_hub.training.loop import Drive
from ticket_hub.training.member import Progress, Trained
from ticket_hub.training.ranks import Team
from ticket_hub.training.settings import deliberate, on_device
from ticket_hub.training.sparse.compile_kernels import compile_apart
from ticket_hub.training.sparse.compiled import SparseNumba
from ticket_hub.training.task import Task

__all__ = ["run_here", "run_over", "run_task", "teller"]

MEMORY_SIGNS = ("can't allocate memory", "out of memory", "ALLOC_FAILED")
"""Of a CPU; of CUDA and its graphs; of cuBLAS, cuDNN and their kind."""


def run_task(
    data: DataSet,
    task: Task,
    observe: Callable[[list[Progress]], None],
    should_stop: Callable[[], bool] | None,
    team: Team | None = None,
) -> list[Trained]:
    """Do one task with one thread, or a process's share of it with one thread of each.

    Raises:
        MemoryLimitError: the device's memory is used up.
        TrainingError: as `Drive.run`.
    """
    with _translated(data, task), deliberate(task.training), on_device(data.device):
        return Drive(data, task, observe, should_stop, team).run()


@contextlib.contextmanager
def _translated(data: DataSet, task: Task) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if _is_out_of_memory(error):
            raise MemoryLimitError(
                f"Training {len(task.members)} members at once used up the memory of "
                f"{data.device}.",
                "Train fewer members or use fewer workers at once. A smaller "
                "training.batch_size needs less too, but is another recipe.",
            ) from error
        raise


def run_over(
    copies: Sequence[DataSet],
    tasks: Sequence[Task],
    observe: Callable[[Progress], None] | None,
    should_stop: Callable[[], bool] | None,
) -> dict[str, Trained]:
    """Do all tasks, one on each device at a time; results by the members' names.

    One thread gives each device its next half second of work in turn: devices compute while it
    goes on. After the first error the others save what they have.

    Args:
        copies: the data set on each device.

    Raises:
        StoppedError: `should_stop` became true.
        TrainingError: as `run_task`.
    """
    waiting, done = deque(tasks), dict[str, Trained]()
    busy: dict[torch.device, tuple[Task, Drive, Generator[None, None, list[Trained]]]] = {}
    with deliberate(tasks[0].training):
        while waiting or busy:
            for data in copies:
                if data.device not in busy and not waiting:
                    continue
                task = busy[data.device][0] if data.device in busy else waiting.popleft()
                try:
                    with _translated(data, task), on_device(data.device):
                        if data.device not in busy:
                            drive = Drive(data, task, teller(observe), should_stop)
                            busy[data.device] = (task, drive, drive.pieces())
                        next(busy[data.device][2])
                except StopIteration as ended:
                    names = [member.name for member in task.members]
                    done |= dict(zip(names, ended.value, strict=True))
                    del busy[data.device]
                except TicketHubError:
                    busy.pop(data.device, None)
                    _keep(busy)
                    raise
    return done


def _keep(busy: Mapping[torch.device, tuple[Task, Drive, object]]) -> None:
    for device, (_, drive, _) in busy.items():
        with on_device(device):
            drive.keep()


def teller(observe: Callable[[Progress], None] | None) -> Callable[[list[Progress]], None]:
    """Make of an observer of members one of groups; without one, nobody is told."""

    def tell(news: list[Progress]) -> None:
        """Tell how far each member is."""
        if observe is not None:
            for progress in news:
                observe(progress)

    return tell


def run_here(
    data: DataSet,
    tasks: Sequence[Task],
    observe: Callable[[Progress], None] | None,
    should_stop: Callable[[], bool] | None,
) -> dict[str, Trained]:
    """Do all tasks; results by the members' names.

    Raises:
        StoppedError: `should_stop` became true.
        TrainingError: as `run_task`.
    """
    # A compiler cannot be stopped in between; a process that compiles can.
    if should_stop is not None and any(task.backend == SparseNumba.name for task in tasks):
        compile_apart(should_stop)

    done: dict[str, Trained] = {}
    for task in tasks:
        results = run_task(data, task, teller(observe), should_stop)
        done |= {m.name: result for m, result in zip(task.members, results, strict=True)}
    return done


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out in the first place, whatever failed because of it.

    A capture in which memory runs out ends with an error about its streams; libraries say
    in their own words that they got none.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, TicketHubError):
        if isinstance(cause, MemoryError | torch.OutOfMemoryError):
            return True
        if any(sign in str(cause) for sign in MEMORY_SIGNS):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
