"""Tasks done in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from ticket_hub.data import DataSet
from ticket_hub.errors import MemoryLimitError, TicketHubError
from ticket_hub.training.loop import Drive, Task
from ticket_hub.training.member import Progress, Trained
from ticket_hub.training.settings import deliberate, on_device
from ticket_hub.training.sparse.compile_kernels import compile_apart
from ticket_hub.training.sparse.compiled import SparseNumba

__all__ = ["run_here", "run_task"]

MEMORY_SIGNS = ("can't allocate memory", "out of memory", "ALLOC_FAILED")
"""Of a CPU; of CUDA and its graphs; of cuBLAS, cuDNN and their kind."""


def run_task(
    data: DataSet,
    task: Task,
    observe: Callable[[list[Progress]], None],
    should_stop: Callable[[], bool] | None,
) -> list[Trained]:
    """Do one task with one thread.

    Raises:
        MemoryLimitError: the device's memory is used up.
        TrainingError: as `Drive.run`.
    """
    try:
        with deliberate(task.training), on_device(data.device):
            return Drive(data, task, observe, should_stop).run()
    except (MemoryError, RuntimeError) as error:
        if _is_out_of_memory(error):
            raise MemoryLimitError(
                f"Training {len(task.members)} members at once used up the memory of "
                f"{data.device}.",
                "Train fewer members or use fewer workers at once. A smaller "
                "training.batch_size needs less too, but is another recipe.",
            ) from error
        raise


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
    if should_stop is not None and any(task.backend == SparseNumba.name for task in tasks):
        compile_apart(should_stop)

    def tell(news: list[Progress]) -> None:
        if observe is not None:
            for progress in news:
                observe(progress)

    done: dict[str, Trained] = {}
    for task in tasks:
        results = run_task(data, task, tell, should_stop)
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
