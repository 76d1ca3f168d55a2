"""Who is trained together and where: members sorted into tasks, tasks counted into workers."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from ticket_hub.data import DataSet
from ticket_hub.errors import RecipeError
from ticket_hub.pruning.masks import density
from ticket_hub.recipe import TrainingSpec
from ticket_hub.recipe.axes import BACKENDS
from ticket_hub.training.choice import choose
from ticket_hub.training.cost import Cost
from ticket_hub.training.member import Member, MemberState
from ticket_hub.training.task import Task

__all__ = ["divide", "seconds_of_work"]

FLOPS = 5e10
STEP_SECONDS = 1e-4
"""A core's rough speed, and the least that a step takes: only to tell small work from large."""


def seconds_of_work(cost: Cost, training: TrainingSpec, members: Sequence[Member]) -> float:
    """Roughly how long one core would train all members densely."""
    steps = sum(training.iterations - member.start for member in members)
    return steps * max(STEP_SECONDS, cost.step_flops(training) / FLOPS)


def divide(
    blank: Task,
    module: nn.Module,
    data: DataSet,
    states: Mapping[str, MemberState],
    workers: int,
) -> list[Task]:
    """Tasks that together train all members of `blank`, balanced over so many workers.

    Only members of one backend that stand at the same iteration are trained together.

    Raises:
        RecipeError: two members share a name, or the forced backend cannot train the network.
    """
    device = data.device
    alike: dict[tuple[str, int, bool], list[Member]] = {}
    if len({member.name for member in blank.members}) < len(blank.members):
        raise RecipeError("Two members of a population share a name.", "Name each differently.")
    for member in blank.members:
        share = density(member.mask) if member.mask else 1.0
        known = member.left is not None
        backend = choose(module, blank.training, data, share, units=known)
        state = states.get(member.name)
        at = member.start if state is None else state.iteration
        # A task restores all of its members or none, also where both stand at the same iteration.
        alike.setdefault((backend, at, state is None), []).append(member)
    return [
        dataclasses.replace(
            blank,
            backend=backend,
            members=tuple(some),
            states=() if new else tuple(states[member.name] for member in some),
        )
        for (backend, _, new), group in alike.items()
        for some in _deal(group, _parts(backend, device, len(group), workers))
    ]


def _parts(backend: str, device: torch.device, members: int, workers: int) -> int:
    if device.type == "cpu" and BACKENDS[backend].one_by_one:
        return members
    return min(members, workers)


def _deal(members: Sequence[Member], parts: int) -> list[Sequence[Member]]:
    """Consecutive members in so many parts, whose sizes differ by one at most."""
    bounds = [len(members) * part // parts for part in range(parts + 1)]
    return [members[a:b] for a, b in itertools.pairwise(bounds)]
