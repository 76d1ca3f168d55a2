"""Threads and number formats, set deliberately while training runs and put back afterwards."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from ticket_hub.errors import RecipeError
from ticket_hub.recipe import TrainingSpec

__all__ = ["autocast", "check_precision", "deliberate", "on_device"]


@contextlib.contextmanager
def deliberate(training: TrainingSpec) -> Iterator[None]:
    """One thread, no denormal numbers, CUDA's TensorFloat only where the recipe asks for it.

    Several threads on one small network are slower than one as soon as the machine is busy, and
    the order of their sums would depend on their number. Adam's averages of a weight whose
    gradient has become 0 decay into denormal numbers (below 1.2e-38), with which processors
    compute many times slower: they are flushed to 0. cuDNN uses TensorFloat by
    default, and may choose kernels whose sums have no fixed order.
    """
    cudnn: Any = torch.backends.cudnn
    flags = (torch.backends.cuda.matmul, cudnn.conv)
    threads, before = torch.get_num_threads(), [flag.fp32_precision for flag in flags]
    chosen = (cudnn.deterministic, cudnn.benchmark)
    flushed = float(torch.tensor([1e-40]).mul_(1)) == 0.0  # whether denormals are 0 already
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    cudnn.deterministic, cudnn.benchmark = True, False
    for flag in flags:
        flag.fp32_precision = "tf32" if training.precision == "tf32" else "ieee"
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(flushed)
        cudnn.deterministic, cudnn.benchmark = chosen
        for flag, value in zip(flags, before, strict=True):
            flag.fp32_precision = value


@contextlib.contextmanager
def on_device(device: torch.device) -> Iterator[None]:
    """Make a CUDA device the current one, which is 0 otherwise, whatever device the data are on.

    New streams, events and graphs belong to the current device. A graph that is captured on
    another device than its step works on is empty, and replaying it trains nothing.
    """
    if device.type == "cuda":
        # torch says so of its own thread for backward passes, and sets the context at once.
        warnings.filterwarnings("ignore", "Attempting to run cuBLAS, but there was no current CUDA")
        with torch.cuda.device(device):
            yield
    else:
        yield


def autocast(training: TrainingSpec, device: torch.device) -> torch.autocast:
    """The context of a forward pass: bfloat16 where the recipe asks for it."""
    # Weights cast to bfloat16 are not kept from pass to pass: a captured graph would go on with
    # those of its capture.
    return torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=training.precision == "bf16", cache_enabled=False
    )


def check_precision(training: TrainingSpec, device: torch.device) -> None:
    """Refuse a number format that the device does not have.

    Raises:
        RecipeError: TensorFloat on anything but a CUDA device.
    """
    if training.precision == "tf32" and device.type != "cuda":
        raise RecipeError(
            f"training.precision cannot be 'tf32' on a {device.type} device.",
            "TensorFloat exists on CUDA devices alone; use 'float32'.",
        )
