"""A network and a training loop as somebody's own, of milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ticket_hub.own import Search, Step

__all__ = ["Net", "data", "loss", "train", "walk"]


class Net(nn.Sequential):
    """4 -> 8 -> 2."""

    def __init__(self, width: int = 8) -> None:
        super().__init__(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))


def data() -> tuple[Tensor, Tensor]:
    """64 points and their classes."""
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    return x, (x[:, 0] > x[:, 1]).long()


def loss(module: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The mean cross-entropy of a batch."""
    x, y = batch
    return nn.functional.cross_entropy(module(x), y)


def train(step: Step, iterations: int = 6, *, point: int | None = None) -> float:
    """Train on examples that the global generator draws; returns the accuracy."""
    x, y = data()
    optimizer = torch.optim.SGD(step.module.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    for iteration in range(step.start, iterations):
        if iteration == point:
            step.rewind_point()
        rows = torch.randint(0, 64, (16,))
        optimizer.zero_grad()
        loss(step.module, (x[rows], y[rows])).backward()
        optimizer.step()
    with torch.no_grad():
        return float((step.module(x).argmax(1) == y).float().mean())


def walk(search: Search, *, point: int | None = None) -> Iterator[Step]:
    """Every step, trained and finished."""
    for step in search:
        step.finish(test=train(step, point=point))
        yield step
