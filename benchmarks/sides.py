"""The two sides of a comparison of training: the engine, and the loop that people write today."""

from __future__ import annotations

from measure import TimedSide
from usual import UsualLoop

from ticket_hub.data import DataSet
from ticket_hub.networks import initialize, outline
from ticket_hub.pruning import full_mask
from ticket_hub.recipe import NetworkSpec, TrainingSpec
from ticket_hub.training import Member
from ticket_hub.training.backend import Backend
from ticket_hub.training.pixels import cut
from ticket_hub.training.settings import deliberate
from ticket_hub.types import Architecture

LENET = TrainingSpec(iterations=10**6, batch_size=60, optimizer="adam", lr=1.2e-3)


def dense_member(architecture: Architecture, seed: int = 0) -> Member:
    """A member that keeps everything."""
    return Member(
        name=f"trial-{seed}",
        seed=seed,
        level=0,
        weights=initialize(architecture, NetworkSpec(name=architecture.name), seed),
        mask=full_mask(outline(architecture).layers),
    )


def side_of(backend: Backend, data: DataSet, iterations: int, trials: int = 1) -> TimedSide:
    """The engine's side."""
    pieces = [*cut(data.validation, 1000), *cut(data.test, 1000)]

    def train(steps: int) -> None:
        with deliberate(LENET):
            backend.train(backend.iteration + steps)

    def evaluate() -> None:
        with deliberate(LENET):
            for piece in pieces:
                backend.evaluate(piece)

    return TimedSide(
        train=train,
        iterations=iterations,
        evaluate=evaluate,
        trials=trials,
    )


def usual_side(loop: UsualLoop, iterations: int, batches: int) -> TimedSide:
    """The usual loop's side; it evaluates a few batches of 1,000 of the 15,000 images."""
    return TimedSide(
        train=loop.train,
        iterations=iterations,
        evaluate=lambda: loop.evaluate(batches),
        share=batches / 15,
    )
