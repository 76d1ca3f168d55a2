"""Works as processes of this machine, one in each slot.

| option | meaning |
|---|---|
| `slots` | so many slots that share the cores; without it a slot for each GPU, or each core |
| `slots-per-gpu` | so many works at a time on each GPU, with a part each of its memory; 1 |
| `processes` | so many train each network together, on a GPU or core each; 1 |
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ticket_hub.durable import make_folder, write_json
from ticket_hub.engines.base import Status, Work
from ticket_hub.engines.child_environment import child_environment
from ticket_hub.engines.choice import number, processes_of, refuse_unknown, register_engine
from ticket_hub.engines.folder import FolderEngine, WorkFolder
from ticket_hub.engines.slots import Slot, SlotPool, machine_slots
from ticket_hub.engines.supervised_process import until_free
from ticket_hub.errors import EngineError, RunLockedError
from ticket_hub.runs.lock import acquire

__all__ = ["LocalEngine", "from_options"]

OPTIONS = ("slots", "slots-per-gpu", "processes")
GRACE_SECONDS = 8.0
"""From SIGTERM to SIGKILL; training keeps a checkpoint in that time."""

LOOK_SECONDS = 0.05
KILL_SECONDS = 1.0
FORMAT = 1


@register_engine("local")
def from_options(options: Mapping[str, str]) -> LocalEngine:
    """A local engine with options as people type them.

    Raises:
        EngineError: an unknown option, or a value that cannot be.
    """
    refuse_unknown("local", options, OPTIONS)
    per_gpu, processes = number(options, "slots-per-gpu"), processes_of(options)
    slots = machine_slots(
        number(options, "slots"), per_gpu=1 if per_gpu is None else per_gpu, processes=processes
    )
    return LocalEngine(slots, processes=processes)


class LocalEngine(FolderEngine):
    """Each work in a process group of its own, which goes on when this process ends.

    Nothing is known to this object alone but what waits for a slot: a new one, in a new process,
    finds the works that run by their folders, and the slots that they take by their locks.

    Args:
        slots: by default one for each GPU, or without one, for each core.
        pool: gives the slots out; by default over all processes of this machine.
        grace_seconds: from asking a work to stop to killing it.
        tethered: works end when this process does, with a checkpoint; see `tether`.
        processes: that do each work and train each network of it together.
    """

    def __init__(
        self,
        slots: Sequence[Slot] | None = None,
        *,
        pool: SlotPool | None = None,
        grace_seconds: float = GRACE_SECONDS,
        tethered: bool = False,
        processes: int = 1,
    ) -> None:
        self.pool = pool or SlotPool.of_machine(slots or machine_slots())
        self._grace, self._processes = grace_seconds, processes
        self._waiting: dict[Path, Work] = {}
        self._children: dict[Path, subprocess.Popen[bytes]] = {}
        self._tether = os.pipe() if tethered else None  # the writing end is never inherited

    @property
    def slots(self) -> int:
        """How many works can run at once."""
        return len(self.pool.slots)

    def submit(self, folder: Path, work: Work) -> None:
        """Have a work done, unless it is queued, running or finished.

        Raises:
            RunLockedError: another work is being done in that folder.
            EngineError: the engine cannot be had.
            StorageError: the folder cannot be written.
        """
        if work.device is not None and ":" in work.device:
            raise EngineError(
                f"The device {work.device!r} cannot be chosen: a slot decides which GPU a work "
                "sees.",
                "Name `cuda` or `cpu`, or restrict the GPUs by CUDA_VISIBLE_DEVICES.",
            )
        place = WorkFolder(folder)
        place.prepare(work)
        if place.status().state not in {"running", "finished"}:
            self._waiting.setdefault(folder, work)
            self._start_waiting()

    def poll(self, folder: Path) -> Status:
        """How far a work is; what waits for a slot is begun where one is free."""
        self._reap()
        self._start_waiting()
        if folder in self._waiting:
            return Status(state="queued")
        status = WorkFolder(folder).status()
        if status.is_over:
            self._wait_for_child(folder)  # who never closes this engine leaves no zombie either
        return status

    def cancel(self, folder: Path) -> None:
        """Stop a work: SIGTERM to its process, after the grace SIGKILL to its whole group."""
        place = WorkFolder(folder)
        waited = self._waiting.pop(folder, None) is not None
        if not waited and not place.is_running:
            return
        place.mark_cancelled()
        self._stop(place)
        self._reap()

    def close(self) -> None:
        """Let go of what waits; what runs goes on running."""
        self._waiting.clear()
        for folder in [*self._children]:
            if not WorkFolder(folder).is_running:
                self._wait_for_child(folder)
        self._reap()

    def _wait_for_child(self, folder: Path) -> None:
        """Wait for a process whose work is over, so that it is about to end."""
        child = self._children.get(folder)
        if child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(KILL_SECONDS)
                self._children.pop(folder, None)

    def _start_waiting(self) -> None:
        while self._waiting:
            taken = self.pool.take()
            if taken is None:
                return
            slot, handle = taken
            try:
                folder = next(iter(self._waiting))
                self._start(folder, slot, handle)
                del self._waiting[folder]
            finally:
                os.close(handle)

    def _start(self, folder: Path, slot: Slot, slot_handle: int) -> None:
        place = WorkFolder(folder)
        try:
            lock = acquire(place.lock)
        except RunLockedError:
            return  # somebody else has started it meanwhile
        try:
            self._wait_for_child(folder)  # of an earlier try: it has let go of the lock
            tether = None if self._tether is None else self._tether[0]
            child = _spawn(place, slot, (lock, slot_handle), tether, self._processes)
        finally:
            os.close(lock)
        self._children[folder] = child
        write_json(
            folder / "process.json",
            {
                "format": FORMAT,
                "host": socket.gethostname(),
                "process": child.pid,
                "begun": _begun(child.pid),
                "slot": slot.name,
            },
        )

    def _stop(self, place: WorkFolder) -> None:
        group = self._group(place)
        if group is None:
            until_free(place, self._grace)  # on another machine it sees the mark
            return
        # The work's process alone is asked: it tells those that train for it.
        with contextlib.suppress(ProcessLookupError):
            os.kill(group, signal.SIGTERM)
        self._wait_for_end(group, self._grace)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        self._wait_for_end(group, KILL_SECONDS)

    def _wait_for_end(self, group: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        while _is_alive(group) and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
            self._reap()

    def _group(self, place: WorkFolder) -> int | None:
        """The process group that does a work; None where it has ended, or is elsewhere."""
        child = self._children.get(place.path)
        if child is not None:
            return child.pid if child.poll() is None else None
        if not place.is_running:
            return None
        try:
            table = json.loads((place.path / "process.json").read_bytes())
            host, process, begun = table["host"], int(table["process"]), table["begun"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        here = host == socket.gethostname()
        return process if here and begun == _begun(process) else None

    def _reap(self) -> None:
        ended = [folder for folder, child in [*self._children.items()] if child.poll() is not None]
        for folder in ended:
            self._children.pop(folder, None)


def _spawn(
    place: WorkFolder, slot: Slot, handles: tuple[int, int], tether: int | None, processes: int
) -> subprocess.Popen[bytes]:
    make_folder(place.path)
    command = [sys.executable, "-P", "-m", "ticket_hub.engines.execute", str(place.path)]
    command += ["--workers", str(slot.workers), "--lock", str(handles[0])]
    command += ["--processes", str(processes)]
    inherited: tuple[int, ...] = handles
    if tether is not None:
        command += ["--tether", str(tether)]
        inherited += (tether,)
    try:
        with place.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=inherited,
                env=child_environment(cuda=slot.cuda, sharing=slot.sharing),
                start_new_session=True,
            )
    except OSError as error:
        raise EngineError(
            f"No process could be started for {place.path}: {error.strerror}.",
            "Free some memory or processes of this machine, then submit the work again.",
        ) from error


def _is_alive(group: int) -> bool:
    """Whether any process of a group is left that has not ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


def _begun(process: int) -> str:
    """When a process was started, in a form that tells it from a later one of the same number."""
    try:
        text = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]
