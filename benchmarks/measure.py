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
class TimedSide:
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


def compare(
    reference: TimedSide, engine: TimedSide, rounds: int, *, tight: TimedSide | None = None
) -> dict[str, Any]:
    """How many times faster the engine is, over rounds in which all take turns.

    Args:
        tight: a second reference, an expert's loop; what it comes to is called `tight_...`.
    """
    sides = [reference, engine, *([] if tight is None else [tight])]
    for side in sides:
        side.seconds()
    rows = [[side.seconds() for side in sides] for _ in range(rounds)]
    figures = spread([row[0] / row[1] for row in rows]) | {
        "rounds": rounds,
        "reference_ms": 1e3 * statistics.median(row[0] for row in rows),
        "engine_ms": 1e3 * statistics.median(row[1] for row in rows),
    }
    if tight is not None:
        found = spread([row[2] / row[1] for row in rows])
        figures |= {f"tight_{name}": value for name, value in found.items()}
        figures["tight_ms"] = 1e3 * statistics.median(row[2] for row in rows)
    return figures


def spread(ratios: list[float]) -> dict[str, Any]:
    """The median of some rounds, and their lowest and highest."""
    return {"ratio": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}


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
