"""One attempt at a job: fetch what it needs, have the work done, hand over what came of it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ticket_hub import errors
from ticket_hub_api.jobs.leases import Command, CommandName, Lease, WorkerEvent
from ticket_hub_api.jobs.queue import JobQueue
from ticket_hub_api.observing.logs import FIELDS
from ticket_hub_api.store.job_tables import Kind
from ticket_hub_api.worker.progress import Meter
from ticket_hub_api.worker.tasks import JobTask

if TYPE_CHECKING:
    from ticket_hub.engines.base import Engine, Work

__all__ = ["Attempt", "Stopped"]

_log = logging.getLogger("ticket_hub_api.jobs")
_UNEXPECTED = "Something went wrong in the worker that should not"
_REPORT = "Its log has the details; the operator may report them."
BEAT_SECONDS = 2.0
LOOK_SECONDS = 0.2
PAUSE_SECONDS = 2.0
PATIENCE_SECONDS = 900.0
"""For so long a job waits for a hub that does not answer, before its attempt counts as failed."""

FOR_GOOD = (
    errors.RecipeError,
    errors.NetworkError,
    errors.PruningError,
    errors.TicketNotFoundError,
    errors.EvidenceError,
    errors.HubNotFoundError,
    errors.HubAccessError,
)
"""Errors that no further attempt could avoid."""


class Stopped(Exception):  # noqa: N818 - not an error: somebody decided it
    """The attempt shall end; `order` says why, and `BACK` that this worker is being stopped."""

    BACK = "back"

    def __init__(self, order: str) -> None:
        """Keep the reason."""
        super().__init__(order)
        self.order = order


@dataclass
class Attempt:
    """What a slot does with a lease.

    Args:
        queue: where signs of life go.
        lease: the right to work.
        task: what is to be done, and how.
        engine: gives what does the work.
        is_stopping: whether this worker is being stopped.
        quota: slot-seconds that an account may use where nothing else is said; 0 is no limit.
        beat_seconds: between two signs of life.
    """

    queue: JobQueue
    lease: Lease
    task: JobTask
    engine: Callable[[], Engine]
    is_stopping: Callable[[], bool]
    quota: int
    beat_seconds: float

    def __post_init__(self) -> None:
        """Nothing is heard yet."""
        unit: Literal["level", "result"] = "level" if self.lease.kind == Kind.FIND else "result"
        self._meter = Meter(total=self.task.total, unit=unit)
        self._news: list[WorkerEvent] = []
        self._reading: Mapping[str, Any] | None = None
        self._order: CommandName = Command.GO_ON
        self._over = threading.Event()

    def carry_out(self) -> None:
        """Do all of it; however it ends, the queue knows."""
        try:
            with self._beating():
                result, also = self._outcome()
            self.queue.finish(self.lease, result, also)
        except Stopped as stop:
            if stop.order == Stopped.BACK:
                self.queue.give_back(self.lease)
            elif stop.order != Command.LOST:
                self.queue.stopped(self.lease)
        except errors.TicketHubError as error:
            for_good = isinstance(error, FOR_GOOD)
            self.queue.fail(self.lease, error.problem, error.remedy, for_good=for_good)
        except Exception as error:  # noqa: BLE001 - whatever it is, the queue must know
            _log.exception("job failed", extra={FIELDS: {"job": self.lease.job_id}})
            self.queue.fail(self.lease, f"{_UNEXPECTED} ({type(error).__name__}).", _REPORT)

    def _outcome(self) -> tuple[dict[str, Any], Any]:
        self._look()
        work = self._with_hub(self.task.prepare)
        result = self._work(work)
        return self._with_hub(lambda: self.task.deliver(result)), self.task.also

    def _work(self, work: Work) -> dict[str, Any]:
        from ticket_hub.engines.folder import WorkFolder

        folder, engine = self.task.folder / "work", self.engine()
        while WorkFolder(folder).is_running:  # of a worker that was lost: it is about to end
            self._look()
            time.sleep(LOOK_SECONDS)
        # The same folder for every attempt: what the one before has finished is gone on with.
        engine.submit(folder, work)
        try:
            while not (status := engine.poll(folder)).is_over:
                self._read(folder)
                self._look()
                time.sleep(LOOK_SECONDS)
        except Stopped:
            engine.cancel(folder)
            raise
        self._read(folder)
        if status.state == "failed" and status.error is not None:
            raise status.error
        return engine.result(folder)

    def _read(self, folder: Path) -> None:
        from ticket_hub.engines.progress import read_progress

        lines, offset = read_progress(folder / "progress.jsonl", self._meter.offset)
        if lines:
            self._meter.offset = offset
            self._news += self._meter.take(lines)
            self._reading = self._meter.reading()

    def _look(self) -> None:
        if self._order != Command.GO_ON:
            raise Stopped(self._order)
        if self.is_stopping():
            raise Stopped(Stopped.BACK)

    def _with_hub(self, step: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the step gives
        """Take a step that needs the hub, and wait for it where it is being started again."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._aside(step)
            except errors.HubUnavailableError:
                if time.monotonic() > end:
                    raise
            again = time.monotonic() + PAUSE_SECONDS
            while time.monotonic() < again:
                self._look()
                time.sleep(LOOK_SECONDS)

    def _aside(self, step: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the step gives
        """Take a step that cannot be interrupted in a thread, and leave it when told to stop.

        A step that is left behind ends by itself: the hub takes the job's token no more.
        """
        done: list[Any] = []
        failed: list[BaseException] = []

        def take() -> None:
            """Keep what the step gives or raises."""
            try:
                done.append(step())
            except BaseException as error:  # noqa: BLE001 - raised again below
                failed.append(error)

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(LOOK_SECONDS)
            self._look()
        if failed:
            raise failed[0]
        return done[0]

    @contextlib.contextmanager
    def _beating(self) -> Iterator[None]:
        thread = threading.Thread(target=self._beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _beat(self) -> None:
        """Show signs of life; without an answer for most of a lease the job counts as lost."""
        last = answered = time.monotonic()
        while True:
            # After the end once more: the last news, and the time since the sign before.
            over = self._over.wait(self.beat_seconds)
            now = time.monotonic()
            # Taken out at once: the other thread adds to the list while the database is asked.
            news, self._news = self._news, []
            try:
                self._order = self.queue.heartbeat(
                    self.lease,
                    seconds=now - last,
                    progress=self._reading,
                    happened=news,
                    quota=self.quota,
                )
                last = answered = now
            except errors.TicketHubError:
                self._news = news + self._news  # for the next sign of life, in their order
                # Before the lease is over: nobody else may begin while this one still works.
                if now - answered > self.queue.lease_seconds * 0.6:
                    self._order = Command.LOST
            if over or self._order == Command.LOST:
                return
