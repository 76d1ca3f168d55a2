"""Works as jobs of Slurm, through submitit; needs the extra `slurm`.

| option | meaning |
|---|---|
| `partition`, `account`, `qos`, `constraint` | as `sbatch` takes them |
| `time` | minutes of one job; 60 |
| `gpus` | for each work; 0 |
| `cpus` | for each work, and as many training processes where it has no GPU; 1 |
| `processes` | so many train each network together, on one machine, on a GPU or core each; 1 |
| `mem` | gigabytes for each work |
| `requeues` | how often a job that ran out of time is queued again; 100 |
| `slots` | in how many parts a search is divided; a part for each trial |
| `cluster` | `slurm`, or `local`: processes of this machine, to try it out |

Run folders and data must lie on a file system that every machine reaches at the same path, and
Ticket Hub must be installed on all of them. Ninety seconds before its time is over, or when it is
preempted, a work keeps a checkpoint, ends with code 75, and its job is queued again. Jobs go on
when the process that submitted them ends; the same command finds them by their work's folder.
Files of submitit, its logs among them, are in `submitit/` in the work's folder.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub.durable import make_folder, write_json
from ticket_hub.engines.base import Status, Work
from ticket_hub.engines.child_environment import child_environment
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

__all__ = ["SlurmEngine", "SubmittedWork", "from_options"]

SBATCH = ("partition", "account", "qos", "constraint")
OPTIONS = (*SBATCH, "time", "gpus", "cpus", "processes", "mem", "requeues", "slots", "cluster")
MANY = 1_000
"""Slots of a cluster whose queue takes what it is given."""

OVER = (
    *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_ME", "BOOT_FAIL"),
    *("DEADLINE", "FINISHED", "INTERRUPTED", "NO PROCESS"),
)
"""How the states begin from which a job never comes back."""

ENDING_SECONDS = 1.5
LOOK_SECONDS = 0.1
FORMAT = 1


@register_engine("slurm")
def from_options(options: Mapping[str, str]) -> SlurmEngine:
    """A Slurm engine with options as people type them.

    Raises:
        EngineError: an unknown option, a value that cannot be, no submitit, or no Slurm.
    """
    refuse_unknown("slurm", options, OPTIONS)
    found = {key: number(options, key) for key in ("time", "gpus", "cpus", "requeues", "mem")}
    return SlurmEngine(
        sbatch={key: options[key] for key in SBATCH if key in options},
        minutes=found["time"] or 60,
        gpus=found["gpus"] or 0,
        cpus=found["cpus"] or 1,
        processes=processes_of(options),
        gigabytes=found["mem"],
        requeues=100 if found["requeues"] is None else found["requeues"],
        slots=number(options, "slots") or MANY,
        cluster=options.get("cluster", "slurm"),
    )


@dataclass
class SubmittedWork:
    """What a job does; submitit pickles it, and calls `checkpoint` before the time is over.

    Attributes:
        folder: of the work.
        workers: most training processes on a CPU where the work does not say.
        has_gpu: whether the job has GPUs.
        processes: that train each network together.
    """

    folder: str
    workers: int | None
    has_gpu: bool
    processes: int = 1
    _attended: SupervisedProcess | None = None

    def __call__(self) -> int:
        """Do the work and return its exit code."""
        self._attended = SupervisedProcess(
            Path(self.folder),
            workers=self.workers,
            has_gpu=self.has_gpu,
            processes=self.processes,
        )
        try:
            return self._attended.wait()
        finally:
            self._attended.close()

    def checkpoint(self) -> Any:  # noqa: ANN401 - a type of submitit
        """Stop the work, which keeps a checkpoint; the job that goes on is this one again."""
        from submitit.helpers import DelayedSubmission

        if self._attended is not None:
            self._attended.stop()
        return DelayedSubmission(dataclasses.replace(self, _attended=None))


class SlurmEngine(FolderEngine):
    """Each work as a job.

    Args:
        sbatch: options that are handed to `sbatch` as they are.
        minutes, gpus, cpus, gigabytes: for each work.
        processes: that do each work and train each network of it together.
        requeues: how often a job that ran out of time is queued again.
        slots: how many works may be queued at once.
        cluster: `slurm` or `local`.

    Raises:
        EngineError: submitit is not installed, there is no Slurm here, or a work has fewer GPUs
            than processes.
    """

    def __init__(
        self,
        *,
        sbatch: Mapping[str, str] | None = None,
        minutes: int = 60,
        gpus: int = 0,
        cpus: int = 1,
        processes: int = 1,
        gigabytes: int | None = None,
        requeues: int = 100,
        slots: int = MANY,
        cluster: str = "slurm",
    ) -> None:
        refuse_too_few_gpus(gpus, processes)
        self._submitit = _submitit(cluster)
        self._cluster, self._requeues, self.slots = cluster, requeues, slots
        self._workers, self._has_gpu = (None if gpus else cpus), gpus > 0
        self._processes = processes
        self._parameters: dict[str, Any] = {
            "name": "ticket-hub",
            "timeout_min": minutes,
            "gpus_per_node": gpus,
            "cpus_per_task": max(cpus, processes),
            "mem_gb": gigabytes,
            # Names of variables, no values: what a work needs goes along, and no token.
            "slurm_additional_parameters": {"export": ",".join(sorted(_exported()))},
        } | {f"slurm_{key}": value for key, value in (sbatch or {}).items()}
        self._jobs: dict[Path, Any] = {}
        # A local job's process is this one's child, and has to be waited for by somebody.
        self._ending: list[Any] = []

    def submit(self, folder: Path, work: Work) -> None:
        """Have a work done, unless it is queued, running or finished.

        Raises:
            RunLockedError: another work is being done in that folder.
            EngineError: the engine cannot be had.
            StorageError: the folder cannot be written.
        """
        place = WorkFolder(folder)
        place.prepare(work)
        job = self._job(folder)
        alive = job is not None and not _is_over(job)
        if alive or place.status().state in {"running", "finished"}:
            return
        logs = folder / "submitit"
        make_folder(logs)
        executor = self._submitit.AutoExecutor(
            folder=logs, cluster=self._cluster, slurm_max_num_timeout=self._requeues
        )
        executor.update_parameters(**self._parameters)
        self._jobs[folder] = executor.submit(
            SubmittedWork(str(folder), self._workers, self._has_gpu, self._processes)
        )
        note = {"format": FORMAT, "cluster": self._cluster, "job": self._jobs[folder].job_id}
        write_json(folder / "process.json", note)

    def poll(self, folder: Path) -> Status:
        """How far a work is."""
        place, job = WorkFolder(folder), self._job(folder)
        if job is None or place.is_running:
            return place.status()
        if not _is_over(job):
            return Status(state="queued")
        if folder in self._jobs:
            del self._jobs[folder]
            code = _code(job)
            if code is not None:
                see(place, code)
        return place.status()

    def cancel(self, folder: Path) -> None:
        """Stop a work: it keeps a checkpoint if it can; after the grace it is ended."""
        place, job = WorkFolder(folder), self._job(folder)
        if job is None or _is_over(job):
            return
        place.mark_cancelled()
        until_free(place, GRACE_SECONDS)  # the job sees the mark, and stops its work
        if not _is_over(job):
            job.cancel(check=False)
            end = time.monotonic() + ENDING_SECONDS
            while not _is_over(job) and time.monotonic() < end:
                time.sleep(LOOK_SECONDS)
            if not _is_over(job):
                self._ending.append(job)
        self._jobs.pop(folder, None)
        (folder / "process.json").unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the jobs, which go on."""
        self._jobs.clear()

    def _job(self, folder: Path) -> Any | None:  # noqa: ANN401 - a type of submitit
        """The job of a work, also of one that another process has submitted."""
        if folder in self._jobs:
            return self._jobs[folder]
        try:
            note = json.loads((folder / "process.json").read_bytes())
            kind = {"slurm": self._submitit.SlurmJob, "local": self._submitit.LocalJob}
            return kind[note["cluster"]](folder=folder / "submitit", job_id=str(note["job"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _submitit(cluster: str) -> Any:  # noqa: ANN401 - a module without types
    try:
        import submitit
    except ImportError as error:
        raise EngineError(
            "The engine slurm needs submitit, which is not installed.",
            f"Install it with `{install_extra('slurm')}`.",
        ) from error
    if cluster not in {"slurm", "local"}:
        raise EngineError(f"There is no cluster {cluster!r}.", "It is slurm or local.")
    if cluster == "slurm" and not submitit.SlurmExecutor.affinity() > 0:
        raise EngineError(
            "There is no Slurm here: `srun` was not found.",
            "Run this on a login node, or try `--engine-option cluster=local`.",
        )
    return submitit


def _exported() -> list[str]:
    return [
        name for name in child_environment() if name in os.environ and not name.startswith("SLURM")
    ]


def _is_over(job: Any) -> bool:  # noqa: ANN401 - a type of submitit
    return str(job.state).upper().startswith(OVER)


def _code(job: Any) -> int | None:  # noqa: ANN401 - a type of submitit
    """What the work's process ended with; None where the job ended otherwise."""
    try:
        return int(job.result())
    except Exception:  # noqa: BLE001 - whatever it is, the folder says more
        return None
