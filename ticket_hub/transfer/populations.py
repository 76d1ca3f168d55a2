"""Which networks of experiments are trained together, as one population.

No result depends on it; see `ticket_hub.training.Trainer.train`. A population of all levels keeps
all workers busy to its end, where one level after the other would wait for the last of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ticket_hub.errors import MemoryLimitError
from ticket_hub.networks import blank_module
from ticket_hub.training.capacity import most_held
from ticket_hub.transfer.controls import bases_of
from ticket_hub.transfer.spec import MemberKey
from ticket_hub.types import Architecture

__all__ = ["bases", "held_networks", "in_pieces", "populations", "waves"]

E = TypeVar("E")

COPIES = 3
"""Of a network's weights: its start, its mask and what is made of both, and its end."""


def held_networks(architecture: Architecture) -> int:
    """How many networks the memory can hold from their starts to their ends."""
    values = blank_module(architecture).state_dict().values()
    return most_held(COPIES * sum(each.numel() * each.element_size() for each in values))


def populations(
    groups: Sequence[list[E]], is_missing: Callable[[E], bool], most: int
) -> Iterator[list[list[E]]]:
    """Consecutive groups whose missing networks are trained together.

    Groups that are on disk wait for no other: those before the first missing network come by
    themselves.

    Args:
        groups: in the order in which their results are given away.
        most: networks that one population may have; a single group may have more.
    """
    together: list[list[E]] = []
    count = 0
    for group in groups:
        missing = sum(map(is_missing, group))
        if together and (count == 0 or count + missing > most):
            yield together
            together, count = [], 0
        together.append(group)
        count += missing
    if together:
        yield together


def bases(entries: Sequence[MemberKey]) -> list[MemberKey]:
    """The dense networks that some networks begin from, each once."""
    found = [
        MemberKey(0, control, entry.trial)
        for entry in entries
        for control in bases_of(entry.control)
    ]
    return list(dict.fromkeys(found))


def waves(
    missing: Sequence[MemberKey], has_base: Callable[[MemberKey], bool]
) -> list[list[MemberKey]]:
    """What is trained together first, and what waits for dense networks of that.

    Args:
        has_base: whether a dense network is trained that others begin from.
    """
    needed = [base for base in bases(missing) if not has_base(base)]
    waiting = [entry for entry in missing if not set(needed).isdisjoint(bases([entry]))]
    first = [entry for entry in dict.fromkeys([*needed, *missing]) if entry not in waiting]
    return [wave for wave in (first, waiting) if wave]


def in_pieces(entries: Sequence[E], train: Callable[[Sequence[E]], None]) -> None:
    """Train a population, or, where it is too large for the memory, its halves in turn.

    Raises:
        MemoryLimitError: a single member does not fit.
    """
    try:
        train(entries)
    except MemoryLimitError:
        if len(entries) == 1:
            raise
        middle = len(entries) // 2
        in_pieces(entries[:middle], train)
        in_pieces(entries[middle:], train)
