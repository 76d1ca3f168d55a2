"""Slots of one machine: a GPU each, or some of its cores. A slot does one work at a time."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ticket_hub import home
from ticket_hub.engines.choice import refuse_too_few_gpus
from ticket_hub.errors import EngineError, RunLockedError
from ticket_hub.runs.lock import acquire
from ticket_hub.training.capacity import cores

__all__ = ["Slot", "SlotPool", "cpu_slots", "gpu_slots", "machine_slots"]


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Where one work can be done.

    Attributes:
        name: unique on the machine, such as `gpu-0`.
        cuda: what `CUDA_VISIBLE_DEVICES` is set to; empty hides every GPU.
        workers: most training processes on a CPU, each with one thread, for a work that does not
            say how many.
        sharing: how many slots share the GPU, and so its memory.
    """

    name: str
    cuda: str = ""
    workers: int = 1
    sharing: int = 1


def gpu_slots(each: int = 1, *, processes: int = 1) -> tuple[Slot, ...]:
    """So many slots for each GPU that this process may use, or for each group of `processes` GPUs.

    Works that share a GPU share its time, and each counts on its part of the memory: one that
    needs more is trained in smaller groups, or refused.

    Raises:
        EngineError: there are GPUs, but fewer than a group.
    """
    import torch  # slow; whoever waits for works on a CPU needs none

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        devices = [str(index) for index in range(torch.cuda.device_count())]
    else:
        devices = [part.strip() for part in named.split(",") if part.strip()]
        devices = devices[: torch.cuda.device_count()]
    refuse_too_few_gpus(len(devices), processes)
    ends = range(processes, len(devices) + 1, processes)
    groups = [devices[end - processes : end] for end in ends]
    return tuple(
        Slot(
            name=f"gpu-{'+'.join(group)}" + (f"-{index}" if index else ""),
            cuda=",".join(group),
            sharing=each,
        )
        for index in range(each)
        for group in groups
    )


def cpu_slots(count: int) -> tuple[Slot, ...]:
    """So many slots that share the cores of this process evenly.

    Raises:
        EngineError: fewer than one.
    """
    if count < 1:
        raise EngineError(f"There cannot be {count} slots.", "Ask for 1 or more.")
    workers = max(1, cores() // count)
    return tuple(Slot(name=f"cpu-{index}", workers=workers) for index in range(count))


def machine_slots(
    cpus: int | None = None, *, per_gpu: int = 1, processes: int = 1
) -> tuple[Slot, ...]:
    """The slots of this machine: its GPUs, or where it has none, or `cpus` is given, cores.

    Args:
        per_gpu: slots of each GPU; 1 or more.
        processes: that do a work together, each on a GPU or core of the slot.

    Raises:
        EngineError: fewer than one of either, or fewer GPUs than processes.
    """
    if per_gpu < 1:
        raise EngineError(f"There cannot be {per_gpu} slots on a GPU.", "Ask for 1 or more.")
    found = gpu_slots(per_gpu, processes=processes) if cpus is None else ()
    return found or cpu_slots(max(1, cores() // processes) if cpus is None else cpus)


@dataclass(frozen=True)
class SlotPool:
    """Gives each slot to one work at a time, over all processes of the machine.

    A slot is a locked file. The process that does a work inherits the handle, so that its slot
    is taken as long as it lives, whatever becomes of the process that started it.

    Attributes:
        slots: what there is.
        folder: of the locks; one of its own on every machine.
    """

    slots: Sequence[Slot]
    folder: Path

    @classmethod
    def of_machine(cls, slots: Sequence[Slot]) -> SlotPool:
        """The pool that all processes of this machine and this user share."""
        return cls(slots, home.cache_folder() / "slots" / socket.gethostname())

    def take(self) -> tuple[Slot, int] | None:
        """A slot that is free, and the handle that holds it until it is closed; None: all taken."""
        for slot in self.slots:
            try:
                return slot, acquire(self.folder / slot.name, patience_seconds=0.0)
            except RunLockedError:
                continue
        return None
