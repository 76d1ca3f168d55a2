from __future__ import annotations

from collections.abc import Sequence

import pytest

from ticket_hub.errors import MemoryLimitError
from ticket_hub.transfer.experiment import in_pieces
from ticket_hub.transfer.spec import MemberKey, Request

ENTRIES = [MemberKey(3, "reinit", trial) for trial in range(11)]


class Machine:
    """Trains at most so many networks at once."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.trained: list[MemberKey] = []

    def train(self, entries: Sequence[MemberKey]) -> None:
        if len(entries) > self.room:
            raise MemoryLimitError("Too many.", "Fewer.")
        self.trained += entries


@pytest.mark.parametrize("room", [1, 2, 5, 11])
def test_a_population_that_does_not_fit_is_trained_in_pieces(room: int) -> None:
    machine = Machine(room)
    in_pieces(ENTRIES, machine.train)
    assert machine.trained == ENTRIES


def test_a_network_that_does_not_fit_alone_is_refused() -> None:
    with pytest.raises(MemoryLimitError):
        in_pieces(ENTRIES, Machine(0).train)


def test_dense_networks_are_trained_once_and_each_level_with_its_controls() -> None:
    request = Request(levels=(3, 7), controls=("reinit", "dense"), trials=2)
    groups = [[(entry.level, entry.name) for entry in group] for group in request.groups()]
    assert groups == [
        [(0, "dense-0"), (0, "dense-1")],
        [(3, "ticket-0"), (3, "ticket-1"), (3, "reinit-0"), (3, "reinit-1")],
        [(7, "ticket-0"), (7, "ticket-1"), (7, "reinit-0"), (7, "reinit-1")],
    ]
