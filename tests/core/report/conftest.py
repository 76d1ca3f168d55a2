from __future__ import annotations

import math

import pytest
import torch

from ticket_hub.comparison.ladder import MeasuredLadder, Rung, Series
from ticket_hub.training import Curves

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


def series(name: str, drop: float, trials: int = 3, levels: int = 6) -> Series:
    return Series(
        name=name,
        rungs=tuple(
            Rung(
                level=level,
                density=0.8**level,
                tickets=trials,
                curves=tuple(
                    curves(3 + (level + trial) % 4, 0.98 - drop * level - 0.001 * trial)
                    for trial in range(trials)
                ),
            )
            for level in range(levels)
        ),
    )


@pytest.fixture
def ladder() -> MeasuredLadder:
    """A ticket and two controls over six levels, three trials each."""
    ticket = series("ticket", 0.001)
    assert math.isclose(ticket.rungs[0].accuracies[0], 0.98)
    return MeasuredLadder(
        title="lenet-300-100 on mnist",
        series=(ticket, series("reinit", 0.004), series("random", 0.008)),
        dense=ticket.rungs[0],
    )
