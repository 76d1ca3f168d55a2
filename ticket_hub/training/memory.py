"""Whether a population fits into memory, asked before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ticket_hub.data import DataSet, PackedImages
from ticket_hub.errors import MemoryLimitError
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.cost import FLOAT, Cost
from ticket_hub.training.disk_batches import DEVICE_BUFFERS
from ticket_hub.training.lanes import STREAMS
from ticket_hub.training.loop import SLICE
from ticket_hub.training.pixels import kept_floats
from ticket_hub.training.plain import EVALUATION_BATCH

__all__ = ["check_memory", "needed_bytes"]

PROCESS = 300 * 2**20
"""What Python and torch occupy in a process before they do anything."""

WORKSPACES = 2 * 32 * 2**20
"""Of cuBLAS, which keeps 32 MiB for each stream and thread on a Hopper GPU; not yet measured."""

GRAPH = 16 * 2**20
"""What a graph takes by being there; not yet measured."""

GIGABYTE = 10**9


def needed_bytes(
    cost: Cost,
    data: DataSet,
    training: TrainingSpec,
    groups: Sequence[int],
    workers: int,
    *,
    backend: str = "stack",
) -> int:
    """Bytes that training takes besides what is in use already.

    Args:
        groups: members of each task; the `workers` largest are trained at the same time.
        workers: processes; with 1, this one trains.
        backend: of the tasks; on a GPU it decides whose activations are kept.
    """
    parts = (data.train, data.validation, data.test)
    busy = sorted(groups, reverse=True)[:workers]
    total = sum(kept_floats(part, data) for part in parts)
    if training.train_sample < len(data.train):  # each process makes it anew
        share = training.train_sample / len(data.train)
        pixels = data.train.inputs.nbytes + 4 * data.train.inputs.numel()
        total += int(len(busy) * share * pixels)
    for members in busy:
        total += members * cost.member_bytes(training)
        if data.device.type == "cpu":
            total += cost.step_bytes(training)
        else:
            total += _gpu_bytes(cost, data, training, members, backend)
    if workers > 1:
        shared = sum(part.inputs.nbytes + part.labels.nbytes for part in parts)
        total += shared + workers * PROCESS
    return total


def _gpu_bytes(
    cost: Cost, data: DataSet, training: TrainingSpec, members: int, backend: str
) -> int:
    """What the steps and evaluations of a group take on a GPU besides its weights.

    A graph keeps the memory of its step: `lanes` has one for each member, `stack` and `vmap` one
    for all, and they evaluate all members at once, keeping every layer. `plain` takes one step
    after the other. `lanes` and `plain` evaluate a member at a time, where a layer's input and
    output are there, and a copy in another order.
    """
    slices, batch = max(len(data.validation), len(data.test)), EVALUATION_BATCH["cuda"]
    streams = min(members, STREAMS) if backend in {"lanes", "small"} else 1
    steps = (1 if backend == "plain" else members) * cost.step_bytes(training)
    if backend in {"lanes", "plain", "small"}:
        evaluation = 3 * cost.largest * min(slices, batch) * FLOAT
    else:
        evaluation = members * cost.activations * min(slices, SLICE["cuda"]) * FLOAT
    graphs = 0 if backend == "plain" else members * GRAPH
    read = 0
    if isinstance(data.train.inputs, PackedImages):  # decoded pictures, where they are uploaded to
        sample = data.train.inputs[:1].nbytes
        read = DEVICE_BUFFERS * members * training.batch_size * sample
    return steps + evaluation + graphs + read + (streams + 1) * WORKSPACES


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
