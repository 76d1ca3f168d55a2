"""Whether a population fits into memory, asked before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ticket_hub.data import DataSet
from ticket_hub.errors import MemoryLimitError
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.cost import Cost
from ticket_hub.training.pixels import kept_floats

__all__ = ["check_memory", "needed_bytes"]

PROCESS = 300 * 2**20
"""What Python and torch occupy in a process before they do anything."""

GIGABYTE = 10**9


def needed_bytes(
    cost: Cost, data: DataSet, training: TrainingSpec, groups: Sequence[int], workers: int
) -> int:
    """Bytes that training takes besides what is in use already.

    Args:
        groups: members of each task; the `workers` largest are trained at the same time.
        workers: processes; with 1, this one trains.
    """
    parts = (data.train, data.validation, data.test)
    busy = sorted(groups, reverse=True)[:workers]
    lockstep = data.device.type != "cpu"
    total = sum(kept_floats(part, data) for part in parts)
    for members in busy:
        total += members * cost.member_bytes(training)
        total += (members if lockstep else 1) * cost.step_bytes(training)
    if workers > 1:
        shared = sum(part.inputs.nbytes + part.labels.nbytes for part in parts)
        total += shared + workers * PROCESS
    return total


def check_memory(needed: int, free: int, device: torch.device) -> None:
    """Refuse what cannot fit.

    Raises:
        MemoryLimitError: more is needed than is free.
    """
    if needed > free:
        raise MemoryLimitError(
            f"This training needs about {needed / GIGABYTE:.1f} GB on {device}, and "
            f"{free / GIGABYTE:.1f} GB are free.",
            "Use fewer workers or fewer trials at once, or a machine with more memory. A smaller "
            "training.batch_size needs less too, but is another recipe.",
        )
