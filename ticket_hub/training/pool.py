"""Deals tasks out to worker processes, and hears what comes back."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing import connection

from ticket_hub.data import DataSet
from ticket_hub.errors import MemoryLimitError, StoppedError, TicketHubError, TrainingError
from ticket_hub.training.member import Progress, Trained
from ticket_hub.training.messages import Done, Failed, News
from ticket_hub.training.process import Process
from ticket_hub.training.sharing import SharedData
from ticket_hub.training.task import Task

__all__ = ["Pool"]

LISTEN_SECONDS = 0.05
STOP_SECONDS = 8.0
"""How long workers may take to save and give up before they are killed."""

# What `Popen` says of SIGKILL, which is what Linux sends when memory has run out.
KILLED = -9


class Pool:
    """Worker processes that live through many calls of `run`.

    Each has one thread, maps the shared data, and ends when this process ends, however that is.
    """

    def __init__(self, data: DataSet) -> None:
        self._shared = SharedData(data)
        self.processes: list[Process] = []

    def grow(self, size: int) -> None:
        """Replace processes that have ended, and start more until there are `size`."""
        self.processes = [process for process in self.processes if process.alive()]
        while len(self.processes) < size:
            self.processes.append(Process(self._shared))

    def close(self) -> None:
        """End all processes and give up the data."""
        self.end_processes()
        self._shared.close()

    def end_processes(self) -> None:
        """End all processes; the next run starts new ones."""
        processes, self.processes = self.processes, []
        for process in processes:
            process.end()

    def run(
        self,
        tasks: Sequence[Task],
        module: str,
        observe: Callable[[Progress], None] | None,
        should_stop: Callable[[], bool] | None,
        *,
        workers: int,
    ) -> dict[str, Trained]:
        """Do all tasks; results by the members' names.

        After the first error the other workers save what they have and stop.

        Args:
            module: registers the network; workers import it.
            workers: how many processes take tasks; missing ones are started.

        Raises:
            TicketHubError: what went wrong in a worker, as it was raised there.
            MemoryLimitError: the system has killed a worker.
            StoppedError: `should_stop` became true.
        """
        self.grow(workers)
        try:
            return _Round(self.processes[:workers], tasks, module, observe, should_stop).run()
        finally:
            # One that is still busy would give its answer to the next round.
            if any(process.task is not None for process in self.processes):
                self.end_processes()


class _Round:
    """One call of `Pool.run`."""

    def __init__(
        self,
        processes: Sequence[Process],
        tasks: Sequence[Task],
        module: str,
        observe: Callable[[Progress], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self._processes, self._module = processes, module
        self._waiting = deque(tasks)
        self._members = sum(len(task.members) for task in tasks)
        self._observe, self._should_stop = observe, should_stop
        self._done: dict[str, Trained] = {}
        self._error: TicketHubError | None = None
        self._deadline: float | None = None

    def run(self) -> dict[str, Trained]:
        """Deal tasks and listen until nothing is left to wait for; see `Pool.run`."""
        while self._deal():
            busy = {
                process.pipe: process for process in self._processes if process.task is not None
            }
            # No message tells of a wish to stop: it has to be asked for in between.
            seconds = LISTEN_SECONDS if self._should_stop is not None else 1.0
            for pipe in connection.wait(list(busy), seconds):
                self._hear(busy[pipe])  # type: ignore[index]
            if self._deadline is None and self._should_stop is not None and self._should_stop():
                self._stop_all()
            if self._deadline is not None and time.monotonic() > self._deadline:
                break
        if len(self._done) == self._members:  # the wish to stop came too late
            return self._done
        if self._error is not None:
            raise self._error
        if self._deadline is not None:
            raise StoppedError(
                "Training was stopped, and some workers did not answer in time.",
                "Their last checkpoints are kept; run the same command again to go on.",
            )
        return self._done

    def _deal(self) -> bool:
        """Give tasks to idle workers; False when nothing is left to wait for."""
        for process in self._processes:
            if process.task is None and self._waiting:
                process.begin(self._waiting.popleft(), self._module)
        return any(process.task is not None for process in self._processes)

    def _hear(self, process: Process) -> None:
        message = process.hear()
        task = process.task
        assert task is not None
        if isinstance(message, News):
            for progress in message.progress if self._observe is not None else ():
                self._observe(progress)  # type: ignore[misc]
            return
        process.task = None
        if isinstance(message, Done):
            for member, result in zip(task.members, message.results, strict=True):
                self._done[member.name] = result
        elif isinstance(message, Failed):
            self._fail(message.error)
        else:
            self._fail(_ended(process, task))

    def _fail(self, error: TicketHubError) -> None:
        """Keep the first error that is more than a stop, and stop the others."""
        if self._error is None or isinstance(self._error, StoppedError):
            self._error = error
        if self._deadline is None:
            self._stop_all()

    def _stop_all(self) -> None:
        self._deadline = time.monotonic() + STOP_SECONDS
        # Or idle workers would begin tasks whose results nobody waits for.
        self._waiting.clear()
        for process in self._processes:
            if process.task is not None:
                process.stop()


def _ended(process: Process, task: Task) -> TicketHubError:
    code = process.exit_code()
    names = ", ".join(member.name for member in task.members)
    if code == KILLED:
        return MemoryLimitError(
            f"The system killed the worker process that trained {names}, most likely because "
            "memory ran out.",
            "Use fewer workers, or free some memory; then run the same command again, which goes "
            "on from the last checkpoint.",
        )
    return TrainingError(
        f"The worker process that trained {names} ended with exit code {code}.",
        "Run the same command again, which goes on from the last checkpoint; with workers=1 "
        "what it says is shown here.",
    )
