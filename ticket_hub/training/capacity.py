"""What this process may use: cores, and memory of the machine and of its devices."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub.errors import TrainingError

if TYPE_CHECKING:
    import torch

__all__ = ["GPU_SHARE", "ONE_THREAD", "cores", "free_bytes", "most_held", "world_size"]

CGROUP = Path("/sys/fs/cgroup")
UNKNOWN = 2**62
MEMORY_SHARE = 4
"""What waits to be written takes a quarter of the free memory at most."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Environment of a process whose pools shall have one thread."""
GPU_SHARE = "TICKET_GPU_SHARE"
"""How many works a GPU's memory is shared by, in the environment of a work's process."""


def cores() -> int:
    """Cores that this process may use: its affinity, less where a container has a quota.

    `TICKET_CORES` in the environment allows no more than its number.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    quota, period = ([*_words(CGROUP / "cpu.max"), "max", "max"])[:2]
    if quota.isdigit() and period.isdigit():
        allowed = min(allowed, -(-int(quota) // int(period)))
    given = os.environ.get("TICKET_CORES", "")
    if given.isdigit():
        allowed = min(allowed, int(given))
    return max(1, allowed)


def world_size() -> int:
    """How many processes train together with this one, itself included: WORLD_SIZE, or 1.

    Raises:
        TrainingError: RANK and WORLD_SIZE are set, and are no such numbers.
    """
    rank, size = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
    if rank is None or size is None:
        return 1
    if not (rank.isdecimal() and size.isdecimal() and int(rank) < int(size)):
        raise TrainingError(
            f"RANK is {rank!r} and WORLD_SIZE {size!r}, which are no process of a group.",
            "Start all processes with torchrun, or unset both.",
        )
    return int(size)


def free_bytes(device: torch.device) -> int:
    """Bytes that can still be used on a device; a very large number where nobody knows.

    Where works share a GPU, `TICKET_GPU_SHARE` of them, each counts on its part of the whole.
    """
    if device.type == "cuda":
        import torch  # slow; those who only count cores never come here

        free, total = torch.cuda.mem_get_info(device)
        # What PyTorch's allocator holds and does not use is free for us, though the driver calls it
        # taken.
        reserved, used = torch.cuda.memory_reserved(device), torch.cuda.memory_allocated(device)
        given = os.environ.get(GPU_SHARE, "1")
        share = total // max(1, int(given) if given.isdecimal() else 1)
        return max(0, min(int(free) + reserved, share) - used)
    return min(_free_of_machine(), _free_of_container())


def most_held(size: int) -> int:
    """How many values of so many bytes may be held in the memory of this machine, at least 1.

    They take a share of what is free, and leave the rest to training and to others.
    """
    import torch  # slow

    return max(1, free_bytes(torch.device("cpu")) // MEMORY_SHARE // max(1, size))


def _free_of_machine() -> int:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return UNKNOWN


def _free_of_container() -> int:
    limit, used = _words(CGROUP / "memory.max"), _words(CGROUP / "memory.current")
    if limit and used and limit[0].isdigit() and used[0].isdigit():
        return max(0, int(limit[0]) - int(used[0]) + _cached())
    return UNKNOWN


def _cached() -> int:
    """Bytes of files that a container's limit counts, but that are given up when needed."""
    for line in _lines(CGROUP / "memory.stat"):
        if line.startswith("inactive_file "):
            return int(line.split()[1])
    return 0


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
