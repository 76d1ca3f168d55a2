from __future__ import annotations

from collections.abc import Sequence

import pytest

from ticket_hub.errors import MemoryLimitError
from ticket_hub.transfer.populations import in_pieces, populations, waves
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


def test_groups_train_together_up_to_what_the_memory_holds_and_finished_ones_wait_for_none() -> (
    None
):
    request = Request(levels=(1, 2, 3, 4), controls=("reinit",), trials=2)
    groups = list(request.groups())

    def levels(missing: set[int], most: int) -> list[list[int]]:
        found = populations(groups, lambda entry: entry.level in missing, most)
        return [[group[0].level for group in together] for together in found]

    assert levels({1, 2, 3, 4}, 100) == [[1, 2, 3, 4]]
    assert levels({1, 2, 3, 4}, 8) == [[1, 2], [3, 4]]
    assert levels({1, 2, 3, 4}, 1) == [[1], [2], [3], [4]]
    assert levels({2, 4}, 100) == [[1], [2, 3, 4]]
    assert levels(set(), 100) == [[1], [2], [3], [4]]


def test_only_networks_that_begin_from_a_dense_one_wait_for_it() -> None:
    request = Request(levels=(3, 7), controls=("reinit", "finetune"), trials=2)
    missing = [entry for group in request.groups() for entry in group]

    def names(*, has_base: bool) -> list[list[str]]:
        return [[each.full_name for each in wave] for wave in waves(missing, lambda _: has_base)]

    plain = [
        f"{level:03d}/{name}-{t}"
        for level in (3, 7)
        for name in ("ticket", "reinit")
        for t in (0, 1)
    ]
    tuned = [f"{level:03d}/finetune-{t}" for level in (3, 7) for t in (0, 1)]
    assert names(has_base=False) == [["000/dense-0", "000/dense-1", *plain], tuned]
    (together,) = names(has_base=True)
    assert sorted(together) == sorted([*plain, *tuned])
