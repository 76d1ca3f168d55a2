"""Networks of made-up curves, for figures and tables."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ticket_hub.bundle.metrics import outcome_of
from ticket_hub.comparison.ladder import Measured, Series
from ticket_hub.training import Curves

__all__ = ["measured", "series"]

EVALUATIONS = 11


def curves(lowest: int, accuracy: float) -> Curves:
    """Readings at 0, 100, ..., 1000 whose validation loss is least at index `lowest`."""
    index = torch.arange(EVALUATIONS, dtype=torch.float64)
    loss = 0.1 + 0.01 * (index - lowest) ** 2
    rise = accuracy * (1 - torch.exp(-index - 1))
    return Curves(
        iterations=(100 * index).long(),
        validation_loss=loss,
        validation_accuracy=rise,
        test_loss=loss,
        test_accuracy=rise / rise[lowest] * accuracy,
    )


def measured(level: int, trained: Sequence[Curves]) -> Measured:
    """A network of some level, each trial of a ticket of its own."""
    tickets = [f"trial {trial}" for trial in range(len(trained))]
    return Measured(
        level=level,
        density=0.8**level,
        outcome=outcome_of(trained, tickets=tickets),
        curves=tuple(trained),
    )


def series(name: str, drop: float, trials: int = 3, levels: int = 6) -> Series:
    return Series(
        name=name,
        rungs=tuple(
            measured(
                level,
                [
                    curves(3 + (level + trial) % 4, 0.98 - drop * level - 0.001 * trial)
                    for trial in range(trials)
                ],
            )
            for level in range(levels)
        ),
    )
