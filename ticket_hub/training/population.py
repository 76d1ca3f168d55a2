"""Train a population and return, per member, its weights and its curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ticket_hub.data import DataSet
from ticket_hub.errors import DivergedError
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.member import Curves, Member, Progress, Trained
from ticket_hub.training.plain import Plain
from ticket_hub.types import Architecture

__all__ = ["train"]


def train(
    architecture: Architecture,
    data: DataSet,
    training: TrainingSpec,
    members: Sequence[Member],
    *,
    snapshots: Sequence[int] = (),
    observe: Callable[[Progress], None] | None = None,
) -> list[Trained]:
    """Train every member from its start to `training.iterations`.

    Members share one network and one start; they never influence each other, so a member's
    result does not depend on who else is in the population.

    Args:
        snapshots: iterations at which the state dict is kept, for rewinding.
        observe: called after each evaluation, once for every member.

    Raises:
        DivergedError: a loss is NaN or infinite.
    """
    backend = Plain(architecture, data, training, members)
    kept: list[dict[int, object]] = [{} for _ in members]
    rows: list[Tensor] = []
    start = members[0].start
    grid = {i for i in range(start, training.iterations + 1) if i % training.evaluate_every == 0}
    stops = sorted(grid | {start, training.iterations} | set(snapshots))
    for stop in stops:
        backend.train(stop)
        if stop in snapshots:
            for shelf, weights in zip(kept, backend.weights(), strict=True):
                shelf[stop] = weights
        if stop in grid or stop in {start, training.iterations}:
            rows.append(
                torch.cat([backend.evaluate(data.validation), backend.evaluate(data.test)], 1)
            )
            _check(rows[-1], members, stop)
            for member, row in zip(members, rows[-1], strict=True):
                if observe:
                    observe(
                        Progress(
                            member=member.name,
                            iteration=stop,
                            iterations=training.iterations,
                            validation_accuracy=float(row[1]),
                            test_accuracy=float(row[3]),
                        )
                    )
    read = [s for s in stops if s in grid or s in {start, training.iterations}]
    table = torch.stack(rows)
    return [
        Trained(
            weights=weights,
            curves=_curves(read, table[:, index]),
            snapshots=kept[index],  # type: ignore[arg-type]
            iterations=training.iterations,
            backend=backend.name,
        )
        for index, weights in enumerate(backend.weights())
    ]


def _check(row: Tensor, members: Sequence[Member], iteration: int) -> None:
    for member, values in zip(members, row, strict=True):
        if not bool(values.isfinite().all()):
            raise DivergedError(
                f"The loss of {member.name} is not finite at iteration {iteration}.",
                "Lower training.lr, or add warmup.",
            )


def _curves(iterations: list[int], table: Tensor) -> Curves:
    return Curves(
        iterations=torch.tensor(iterations),
        validation_loss=table[:, 0].clone(),
        validation_accuracy=table[:, 1].clone(),
        test_loss=table[:, 2].clone(),
        test_accuracy=table[:, 3].clone(),
    )
