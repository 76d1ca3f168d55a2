"""The global generators: those that modules draw from, and those of an author's own code."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch

__all__ = ["construction_generators", "kept_generators", "seed_generators"]


def seed_generators(seed: int) -> None:
    """Seed `random`, numpy's global generator, and torch's of the CPU and of every device."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - what libraries draw from by themselves
    torch.manual_seed(seed)


@contextlib.contextmanager
def kept_generators() -> Iterator[None]:
    """Leave these generators as they were."""
    python, array = random.getstate(), np.random.get_state()  # noqa: NPY002 - as above
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(array)  # noqa: NPY002 - as above


@contextlib.contextmanager
def construction_generators(seed: int) -> Iterator[None]:
    """Seed the generators that modules draw from when they are made, and restore them after."""
    device = torch.get_default_device()
    devices = []
    if device.type == "cuda":
        devices = [torch.cuda.current_device() if device.index is None else device.index]
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        for index in devices:
            torch.cuda.default_generators[index].manual_seed(seed)
        yield
