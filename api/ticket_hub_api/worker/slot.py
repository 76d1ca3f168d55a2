"""One slot of a worker: a process that carries out one job at a time.

`python -m ticket_hub_api.worker.slot` reads its options as JSON from the first line of its standard
input, and ends when that closes, so that no slot outlives its worker.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub_api.worker.options import Options

if TYPE_CHECKING:
    from ticket_hub.engines.base import Engine


import dataclasses
import json
import logging
import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticket_hub.errors import TicketHubError
from ticket_hub_api.jobs.queue import JobQueue
from ticket_hub_api.jobs.tokens import job_token
from ticket_hub_api.jobs.transitions import clock
from ticket_hub_api.observing.logs import FIELDS, configure_logging
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.job_tables import Job, JobWorker, State
from ticket_hub_api.store.signing import load_signer
from ticket_hub_api.store.tables import SECOND, new_id
from ticket_hub_api.webhooks.listener import WebhookListener
from ticket_hub_api.worker.attempt import BEAT_SECONDS, Attempt
from ticket_hub_api.worker.tasks import Workplace, task_of

if TYPE_CHECKING:
    from ticket_hub.engines.base import Engine

__all__ = ["main", "to_line"]

GRACE_SECONDS = 6.0
"""From SIGTERM to SIGKILL: with a sign of life before and the end after it, a cancel takes 10 s."""

_log = logging.getLogger("ticket_hub_api.jobs")
TICK_SECONDS = 1.0
LOOK_SECONDS = 0.5
SWEEP_SECONDS = 600.0
KEPT_SECONDS = 7 * 86_400
_JOB = re.compile(r"[0-9a-f]{24}")


class SlotProcess:
    """Receives jobs, carries them out, and looks after those that others have lost."""

    def __init__(self, options: Options) -> None:
        """Open the hub's database."""
        self.options = options
        self.id = new_id()
        self.stopping = threading.Event()
        self._job_id = ""
        self.database = Database(options.database)
        self.database.listeners.append(WebhookListener())
        self.queue = JobQueue(self.database, lease_seconds=options.lease_seconds)
        signer = load_signer(self.database)
        self.place = Workplace(
            jobs_folder=Path(options.jobs_folder),
            data_dir=Path(options.data_dir),
            endpoint=options.endpoint,
            token=lambda lease: job_token(signer, lease.job_id, lease.attempt),
            device=options.device,
            checkpoint_seconds=options.checkpoint_seconds,
        )

    @cached_property
    def engine(self) -> Engine:
        """Who does the work; its library is imported with the first job."""
        return _open_engine(self.options)

    def run(self) -> None:
        """Work until told to stop, and end when nothing is in hand."""
        name = f"{socket.gethostname()}:{os.getpid()} {self.options.slot}"
        device = self.options.device or (
            f"cuda {self.options.cuda}" if self.options.cuda else "cpu"
        )

        def enter(session: Session) -> None:
            """Enter this slot among the workers."""
            moment = clock(session)
            session.add(
                JobWorker(
                    id=self.id,
                    name=name[:200],
                    device=device[:64],
                    engine=self.options.engine,
                    started_at=moment,
                    seen_at=moment,
                )
            )

        self.database.transact(enter)
        taking = threading.Thread(target=self._take_jobs)
        taking.start()
        self._say("ready")
        swept = 0.0
        try:
            while not self.stopping.wait(TICK_SECONDS):
                self._safely(self._show)
                self._safely(self.queue.reap)
                if time.monotonic() - swept > SWEEP_SECONDS:
                    swept = time.monotonic()
                    self._safely(self._sweep)
        finally:
            self.stopping.set()
            taking.join()
            self._safely(self._leave)
            self.database.close()

    def _take_jobs(self) -> None:
        """One job after the other, and a look every half second whether there is one."""
        while not self.stopping.is_set():
            if not self._safely(self._take_one):
                self.stopping.wait(LOOK_SECONDS)

    def _take_one(self) -> bool:
        lease = self.queue.claim(self.id)
        if lease is None:
            return False
        about = {"job": lease.job_id, "attempt": lease.attempt}
        self._job_id = lease.job_id
        try:
            self._say("job begins", **about)
            Attempt(
                queue=self.queue,
                lease=lease,
                task=task_of(lease, self.place),
                engine=lambda: self.engine,
                is_stopping=self.stopping.is_set,
                quota=self.options.quota_seconds,
                beat_seconds=min(BEAT_SECONDS, self.options.lease_seconds / 5),
            ).carry_out()
            self._say("job left", **about)
        finally:
            self._job_id = ""
        return True

    def _show(self) -> None:
        with self.database.write() as session:
            row = session.get(JobWorker, self.id)
            if row is not None:
                moment = clock(session)
                # A fifth of a lease, in microseconds: each write of a row makes every kept answer
                # of the hub old.
                due = moment - row.seen_at > self.options.lease_seconds * 200_000
                if due or row.job_id != self._job_id:
                    row.seen_at, row.job_id = moment, self._job_id

    def _leave(self) -> None:
        with self.database.write() as session:
            row = session.get(JobWorker, self.id)
            if row is not None:
                row.seen_at = row.stopped_at = clock(session)
                row.job_id = ""

    def _sweep(self) -> None:
        """Remove the folders of jobs that have ended, of failed ones after a week."""
        for folder in self.place.jobs_folder.iterdir():
            if not _JOB.fullmatch(folder.name):  # it is somebody else's
                continue
            with self.database.read() as connection:
                row = connection.execute(
                    select(Job.state, Job.finished_at).where(Job.id == folder.name)
                ).first()
                kept = clock(connection) - KEPT_SECONDS * SECOND
            if row is None:
                # It was deleted; or it is a job of another hub, whose workers share the folder.
                told = folder / "work" / "progress.jsonl"
                last = (told if told.exists() else folder).stat().st_mtime
                over = time.time() - last > KEPT_SECONDS
            else:
                failed = row.state == State.FAILED and row.finished_at > kept
                over = row.state in State.ENDED and not failed
            if over:
                shutil.rmtree(folder, ignore_errors=True)

    def _say(self, what: str, **fields: object) -> None:
        _log.info(what, extra={FIELDS: {"slot": self.options.slot, **fields}})

    def _safely(self, step: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the step gives
        try:
            return step()
        except TicketHubError as error:
            _log.warning("%s", error)
        except Exception:  # noqa: BLE001 - the next tick tries again
            _log.exception("A step of the worker failed")
        return None


def main() -> None:
    """Run the slot that the standard input describes."""
    options = Options(**json.loads(sys.stdin.readline()))
    configure_logging(options.log_level)
    slot = SlotProcess(options)

    def stop(_number: int, _frame: object) -> None:
        """Begin to stop; what is in hand is given back."""
        slot.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the worker passes Ctrl-C on as SIGTERM
    threading.Thread(target=_end_with_parent, args=(slot.stopping,), daemon=True).start()
    slot.run()
    logging.shutdown()
    os._exit(0)  # threads of libraries shall not keep the process


def _end_with_parent(stopping: threading.Event) -> None:
    with suppress(OSError, ValueError):
        while sys.stdin.read(1):
            pass
    stopping.set()


def to_line(options: Options) -> bytes:
    """Options as the first line of a slot's standard input."""
    return json.dumps(dataclasses.asdict(options)).encode() + b"\n"


def _open_engine(options: Options) -> Engine:
    """The engine that the options name.

    The slot itself is the only taker of its local engine, so the pool lies in the jobs' folder
    under the slot's own process.

    Raises:
        EngineError: there is no such engine, or it cannot be had.
    """
    from ticket_hub.engines.choice import make_engine
    from ticket_hub.engines.local import LocalEngine
    from ticket_hub.engines.slots import Slot, SlotPool

    if options.engine == "local":
        slot = Slot(name=options.slot, cuda=options.cuda, workers=options.workers)
        pool = SlotPool(
            [slot], Path(options.jobs_folder) / ".slots" / f"{socket.gethostname()}-{os.getpid()}"
        )
        return LocalEngine(pool=pool, grace_seconds=GRACE_SECONDS, tethered=True)
    return make_engine(options.engine, options.engine_options)


if __name__ == "__main__":
    main()
