"""Works as tasks of a Ray cluster; needs the extra `ray`.

| option | meaning |
|---|---|
| `address` | of the cluster, such as `auto` or `head:6379`; else `RAY_ADDRESS`, else a new one |
| `gpus` | for each work; 1 where the cluster has any, else 0 |
| `cpus` | for each work, and as many training processes where it has no GPU; 1 |
| `processes` | so many train each network together, on one machine, on a GPU or core each; 1 |
| `retries` | how often a work is begun again whose machine has died; 3 |
| `slots` | in how many parts a search is divided; as many as the cluster can do at once |

A new one is of this machine alone, and ends with this process.

Run folders and data must lie on a file system that every machine reaches at the same path, and
Ticket Hub must be installed on all of them. A work whose machine dies is begun again on another
one, from its last checkpoint, as soon as the file system has given back the lock of the dead one.
When the process that submitted a work ends, Ray ends the work; submitted again, it goes on.
Telemetry and dashboard are off.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ticket_hub.engines.base import Status, Work
from ticket_hub.engines.choice import (
    number,
    processes_of,
    refuse_too_few_gpus,
    refuse_unknown,
    register_engine,
)
from ticket_hub.engines.folder import FolderEngine, WorkFolder
from ticket_hub.engines.supervised_process import GRACE_SECONDS, SupervisedProcess, see, until_free
from ticket_hub.errors import EngineError
from ticket_hub.project import install_extra

__all__ = ["RayEngine", "from_options"]

OPTIONS = ("address", "gpus", "cpus", "processes", "retries", "slots")
STORE_BYTES = 100 * 2**20
"""Works go through files: Ray's own store is left small."""


@register_engine("ray")
def from_options(options: Mapping[str, str]) -> RayEngine:
    """A Ray engine with options as people type them.

    Raises:
        EngineError: an unknown option, a value that cannot be, or no Ray.
    """
    refuse_unknown("ray", options, OPTIONS)
    cpus, retries = number(options, "cpus"), number(options, "retries")
    return RayEngine(
        address=options.get("address") or os.environ.get("RAY_ADDRESS"),
        gpus=number(options, "gpus"),
        cpus=1 if cpus is None else cpus,
        processes=processes_of(options),
        retries=3 if retries is None else retries,
        slots=number(options, "slots"),
    )


class RayEngine(FolderEngine):
    """Each work as a task, done in a process of its own on whatever machine Ray chooses.

    Args:
        address: of the cluster; None starts one on this machine, unless this process has one.
        gpus, cpus: for each work.
        processes: that do each work and train each network of it together.
        retries: how often a work is begun again whose machine has died.
        slots: how many works are done at once; by default what the cluster has room for.

    Raises:
        EngineError: Ray is not installed, the cluster does not answer, or a work has fewer GPUs
            than processes.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        gpus: int | None = None,
        cpus: int = 1,
        processes: int = 1,
        retries: int = 3,
        slots: int | None = None,
    ) -> None:
        self._ray, self._is_own = _connect(address)
        has = self._ray.cluster_resources()
        self._gpus = (processes if has.get("GPU", 0) >= 1 else 0) if gpus is None else gpus
        refuse_too_few_gpus(self._gpus, processes)
        self._processes, self._cpus, self._slots = processes, max(1, cpus, processes), slots
        rooms = [has.get("CPU", 1) // self._cpus]
        rooms += [has.get("GPU", 0) // self._gpus] if self._gpus else []
        self._room = int(min(rooms))
        self._task = self._ray.remote(_do).options(
            num_cpus=self._cpus, num_gpus=self._gpus, max_retries=retries
        )
        self._running: dict[Path, Any] = {}

    @property
    def slots(self) -> int:
        """How many works can be done at once, as far as the cluster is known."""
        return max(1, self._room if self._slots is None else self._slots)

    def submit(self, folder: Path, work: Work) -> None:
        """Have a work done, unless it is queued, running or finished.

        Raises:
            RunLockedError: another work is being done in that folder.
            EngineError: the engine cannot be had.
            StorageError: the folder cannot be written.
        """
        place = WorkFolder(folder)
        place.prepare(work)
        if folder in self._running or place.status().state in {"running", "finished"}:
            return
        workers = None if self._gpus else self._cpus
        self._running[folder] = self._task.remote(
            str(folder), workers, bool(self._gpus), self._processes
        )

    def poll(self, folder: Path) -> Status:
        """How far a work is."""
        place, task = WorkFolder(folder), self._running.get(folder)
        if task is None:
            return place.status()
        ready, _ = self._ray.wait([task], timeout=0)
        if not ready:
            return Status(state="running" if place.is_running else "queued")
        del self._running[folder]
        # Why Ray gave up is less than what the folder says: no result means that it was lost.
        with contextlib.suppress(self._ray.exceptions.RayError):
            see(place, self._ray.get(task))
        return place.status()

    def cancel(self, folder: Path) -> None:
        """Stop a work: it keeps a checkpoint if it can; after the grace it is ended."""
        task = self._running.pop(folder, None)
        if task is None:
            return
        place = WorkFolder(folder)
        place.mark_cancelled()
        self._ray.cancel(task, force=False)
        # Ray calls a task done as soon as it is told to end; the work's lock says when it has.
        if not until_free(place, GRACE_SECONDS):
            self._ray.cancel(task, force=True)
            until_free(place, 1.0)

    def close(self) -> None:
        """Leave the cluster; Ray ends the works that this process has submitted."""
        self._running.clear()
        if self._is_own:
            self._ray.shutdown()


def _connect(address: str | None) -> tuple[Any, bool]:
    """Ray, connected, and whether that was done just now."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise EngineError(
            "The engine ray needs Ray, which is not installed.",
            f"Install it with `{install_extra('ray')}`.",
        ) from error
    if ray.is_initialized():
        return ray, False
    start = {} if address else {"include_dashboard": False, "object_store_memory": STORE_BYTES}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="error", **start)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EngineError(
            f"There is no Ray cluster at {address or 'this machine'}: {error}.",
            "Start one with `ray start --head --include-dashboard=false`, or name another address.",
        ) from error
    return ray, True


def _do(folder: str, workers: int | None, has_gpu: bool, processes: int) -> int:  # noqa: FBT001 - Ray's call
    """Do a work; runs on a machine of the cluster."""
    with contextlib.closing(
        SupervisedProcess(Path(folder), workers=workers, has_gpu=has_gpu, processes=processes)
    ) as attended:
        return attended.wait()
