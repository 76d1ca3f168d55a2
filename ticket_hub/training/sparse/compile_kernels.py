"""Compile the kernels into the user's cache: a program of its own, so that it can be ended.

A compiler cannot be stopped in between: the largest kernel alone takes seconds, and on a busy
machine many. So whoever may be stopped has it done by a process, and reads the code from the cache.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable

from ticket_hub.errors import StoppedError

__all__ = ["compile_apart", "main"]

PROGRAM = "from ticket_hub.training.sparse.compile_kernels import main; main()"
PAUSE_SECONDS = 0.05


def compile_apart(should_stop: Callable[[], bool]) -> None:
    """Have the kernels compiled, unless they are; where that fails, they are compiled when called.

    Raises:
        StoppedError: `should_stop` became true.
    """
    from ticket_hub.training.sparse import kernels  # noqa: F401 - makes the cache's folder
    from ticket_hub.training.sparse.jit import is_missing

    if not is_missing("kernels.train"):
        return
    process = subprocess.Popen(  # noqa: S603 - our own program
        # -P: a file in the present folder must not stand in for a module; PYTHONPATH has our own
        # path.
        [sys.executable, "-P", "-c", PROGRAM],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        while process.poll() is None:
            if should_stop():
                raise StoppedError(
                    "Stopped while the code for sparse networks was being compiled.",
                    "What was done before is kept; run the same command again to go on.",
                )
            time.sleep(PAUSE_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def main() -> None:
    """Train and read the smallest network there is: it has the types of all others."""
    import torch

    from ticket_hub.data import DataSet, Part
    from ticket_hub.networks import initialize, outline
    from ticket_hub.pruning import full_mask
    from ticket_hub.recipe import DataSpec, NetworkSpec, TrainingSpec
    from ticket_hub.training.member import Member
    from ticket_hub.training.sparse.compiled import SparseNumba
    from ticket_hub.types import Architecture

    network = Architecture(name="lenet-2", channels=1, height=4, width=4, classes=2)
    part = Part(
        inputs=torch.zeros(2, 1, 4, 4, dtype=torch.uint8), labels=torch.zeros(2, dtype=torch.int64)
    )
    data = DataSet(
        spec=DataSpec(name="nothing", validation=1),
        train=part,
        validation=part,
        test=part,
        classes=2,
        mean=torch.zeros(1),
        std=torch.ones(1),
        fingerprint="",
    )
    training = TrainingSpec(iterations=1, batch_size=1, optimizer="adam", lr=0.1, evaluate_every=1)
    member = Member(
        name="any",
        seed=0,
        level=1,
        weights=initialize(network, NetworkSpec(name=network.name), 0),
        mask=full_mask(outline(network).layers),
    )
    backend = SparseNumba(network, data, training, [member])
    backend.evaluate(part)
    backend.train(1)
