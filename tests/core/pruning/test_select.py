from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ticket_hub.pruning.select import drop_lowest

few_values = st.lists(st.sampled_from([-1.0, -0.0, 0.0, 0.5, 2.0]), min_size=1, max_size=40)


def test_ties_do_not_change_the_count_and_fall_to_the_earlier_position() -> None:
    result = drop_lowest({"fc": torch.ones(10)}, {"fc": torch.ones(10, dtype=torch.bool)}, 2)
    assert result["fc"].tolist() == [False] * 2 + [True] * 8


def test_ties_between_layers_fall_to_the_earlier_layer() -> None:
    full = {name: torch.ones(2, dtype=torch.bool) for name in ("late", "early")}
    result = drop_lowest({"early": torch.zeros(2), "late": torch.zeros(2)}, full, 3)
    assert result["early"].tolist() == [False, False]
    assert result["late"].tolist() == [False, True]


def test_layers_without_scores_stay_as_they_are() -> None:
    mask = {"a": torch.tensor([True, True]), "b": torch.tensor([True, False])}
    result = drop_lowest({"a": torch.tensor([1.0, 0.0])}, mask, 1)
    assert result["b"].tolist() == [True, False]
    assert result["a"].tolist() == [True, False]


@pytest.mark.parametrize("count", [-1, 3])
def test_a_count_that_cannot_be_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"cannot drop {count} of 2"):
        drop_lowest({"a": torch.zeros(2)}, {"a": torch.ones(2, dtype=torch.bool)}, count)


@given(few_values, st.data())
def test_selection_equals_a_stable_sort_of_what_is_kept(
    values: list[float], data: st.DataObject
) -> None:
    keep = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    count = data.draw(st.integers(0, sum(keep)))
    result = drop_lowest({"a": torch.tensor(values)}, {"a": torch.tensor(keep)}, count)
    places = [place for place, kept in enumerate(keep) if kept]
    dropped = sorted(places, key=lambda place: values[place])[:count]
    assert result["a"].tolist() == [k and place not in dropped for place, k in enumerate(keep)]
