"""Who is trained together: members sorted into tasks, each one group of one backend."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ticket_hub.errors import RecipeError
from ticket_hub.networks import build
from ticket_hub.pruning.masks import density
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.choice import choose
from ticket_hub.training.member import Member, MemberState
from ticket_hub.types import Architecture

__all__ = ["Share", "divide", "meta_module"]

ONE_BY_ONE = frozenset({"plain", "lanes"})
"""Backends for which a group is no faster than its members one after the other on a CPU."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """The members of one task.

    Attributes:
        backend: the name of the backend that trains them.
        states: of the members in their order, all of one iteration; empty at the beginning.
    """

    backend: str
    members: tuple[Member, ...]
    states: tuple[MemberState, ...] = ()


def meta_module(architecture: Architecture) -> nn.Module:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return build(architecture)


def divide(
    module: nn.Module,
    training: TrainingSpec,
    device: torch.device,
    members: Sequence[Member],
    *,
    states: Mapping[str, MemberState],
    workers: int,
) -> list[Share]:
    """Tasks that together train all members, balanced over so many workers.

    Only members of one backend that stand at the same iteration are trained together.

    Raises:
        RecipeError: two members share a name, or the forced backend cannot train the network.
    """
    names = [member.name for member in members]
    if len(set(names)) < len(names):
        raise RecipeError("Two members of a population share a name.", "Name each differently.")
    alike: dict[tuple[str, int, bool], list[Member]] = {}
    for member in members:
        backend = choose(module, training, device, density(member.mask) if member.mask else 1.0)
        state = states.get(member.name)
        at = member.start if state is None else state.iteration
        alike.setdefault((backend, at, state is None), []).append(member)
    return [
        Share(
            backend=backend,
            members=tuple(some),
            states=() if new else tuple(states[member.name] for member in some),
        )
        for (backend, _, new), group in alike.items()
        for some in _deal(group, _parts(backend, device, len(group), workers))
    ]


def _parts(backend: str, device: torch.device, members: int, workers: int) -> int:
    if device.type == "cpu" and backend in ONE_BY_ONE:
        return members
    return min(members, workers)


def _deal(members: Sequence[Member], parts: int) -> list[Sequence[Member]]:
    """Consecutive members in so many parts, whose sizes differ by one at most."""
    bounds = [len(members) * part // parts for part in range(parts + 1)]
    return [members[a:b] for a, b in itertools.pairwise(bounds)]
