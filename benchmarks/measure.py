"""Interleaved rounds, ratios, and where they were measured."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ticket_hub import __version__

EVALUATE_EVERY = 100


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two that are compared, as seconds of one trial's work.

    Attributes:
        train: does this many iterations of this many trials.
        evaluate: reads this share of validation and test, for the same trials.
        clock: CPU seconds of this process, or wall seconds where several processes work.
    """

    train: Callable[[int], None]
    iterations: int
    evaluate: Callable[[], object]
    share: float = 1.0
    trials: int = 1
    clock: Callable[[], float] = time.process_time

    def seconds(self) -> float:
        """Seconds of one iteration of one trial, with its part of an evaluation every 100."""
        begin = self.clock()
        self.train(self.iterations)
        middle = self.clock()
        self.evaluate()
        end = self.clock()
        train = (middle - begin) / self.iterations
        return (train + (end - middle) / self.share / EVALUATE_EVERY) / self.trials


def compare(reference: Side, engine: Side, rounds: int) -> dict[str, Any]:
    """How many times faster the engine is, over rounds in which both take turns."""
    for side in (reference, engine):
        side.seconds()
    pairs = [(reference.seconds(), engine.seconds()) for _ in range(rounds)]
    ratios = [slow / fast for slow, fast in pairs]
    return {
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "rounds": rounds,
        "reference_ms": 1e3 * statistics.median(pair[0] for pair in pairs),
        "engine_ms": 1e3 * statistics.median(pair[1] for pair in pairs),
    }


def machine() -> dict[str, str]:
    """What the figures were measured on and with."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = f"{len(names)} x {names[0].partition(':')[2].strip()}" if names else model
    return {
        "processor": model,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "ticket_hub": __version__,
    }
