"""Which ticket is best: the rules that the command, the service and its pages share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from ticket_hub.bundle.standings import (
    ExperimentResults,
    LevelResult,
    Standing,
    in_order,
    pareto_front,
    shared_out,
    standings_of,
)
from ticket_hub.recipe.own import ACCURACY, Metric, is_trained

Gains = Mapping[str, float | None]
ERROR = Metric("RMSE", margin=0.1, lower_is_better=True, unit="m")


def result(level: int, value: float, gains: Gains | None = None) -> LevelResult:
    return LevelResult(
        level=level, density=0.8**level, value=value, low=value - 0.01, high=value + 0.01, n=3,
        tickets=3, gains=gains or {}, verdict="winning" if gains else None,
    )  # fmt: skip


def found(
    *levels: LevelResult, dataset: str = "digits", metric: Metric = ACCURACY, by: str = ""
) -> ExperimentResults:
    return ExperimentResults(dataset=dataset, metric=metric, by=by, levels=levels)


def standings(*experiments: ExperimentResults, search: ExperimentResults) -> list[Standing]:
    return list(standings_of("ann/digits", network="lenet", search=search, experiments=experiments))


def test_a_level_stands_with_its_controls_and_else_with_what_its_search_read() -> None:
    search = found(result(0, 0.97), result(1, 0.96), result(2, 0.95))
    alone = found(result(1, 0.99, {"dense": 0.01}), by="Bo")
    tested = found(result(2, 0.90, {"reinit": 0.03, "dense": -0.05, "shuffle": 0.01}), by="Cy")
    elsewhere = found(result(1, 0.5, {"reinit": None}), dataset="mnist", by="Cy")
    rows = standings(alone, tested, elsewhere, search=search)
    assert [(each.ticket, each.dataset, each.controls, each.gain, each.by) for each in rows] == [
        ("ann/digits:2", "digits", ("reinit", "shuffle"), 0.01, "Cy"),
        ("ann/digits:1", "mnist", ("reinit",), None, "Cy"),
        ("ann/digits:1", "digits", (), None, ""),
    ]
    assert rows[0].verdict == "winning"
    assert rows[2].verdict is None
    assert in_order(rows)[0].value == 0.90  # not the 0.96 that nobody has tested


@pytest.mark.parametrize(("metric", "best"), [(ACCURACY, 0.9), (ERROR, 0.7)])
def test_the_order_has_the_direction_of_the_metric(metric: Metric, best: float) -> None:
    levels = [result(level, value, {"reinit": 0.1}) for level, value in ((1, 0.7), (2, 0.9))]
    rows = standings(found(*levels, metric=metric), search=found())
    assert in_order(rows)[0].value == best


def test_what_was_hardly_trained_has_no_place_and_no_order() -> None:
    first, second = (replace(result(level, 0.99), trained=False) for level in (1, 2))
    judged = replace(result(3, 0.98, {"reinit": 0.1}), trained=False)
    rows = standings(found(judged), search=found(second, first, result(4, 0.5)))
    assert [each.level for each in in_order(rows)] == [4, 1, 2, 3]
    assert not any(each.is_ranked for each in rows)
    assert not pareto_front(rows)
    assert [is_trained(stop, stops_early=True) for stop in (0, 1, 1.2)] == [False, False, True]
    assert is_trained(1, stops_early=False)


def test_the_front_has_those_that_no_sparser_ticket_equals() -> None:
    values = {1: 0.95, 2: 0.97, 3: 0.96, 4: 0.96}
    tested = found(*(result(level, value, {"reinit": 0.1}) for level, value in values.items()))
    rows = standings(tested, search=found(result(5, 0.99)))
    assert [each.level for each in pareto_front(rows)] == [4, 2]
    assert not pareto_front(standings(search=found(result(5, 0.99))))


def test_data_sets_stand_apart_and_controls_may_be_a_bundles_own() -> None:
    own = found(result(1, 0.6, {"dense": 0.0, "reinit": 0.2}), result(2, 0.7), dataset="cifar-10")
    tested = [found(result(level, 0.9, {"reinit": 0.1})) for level in (1, 2)]
    rows = in_order(standings(*tested, search=own))
    assert [(each.dataset, each.controls) for each in rows] == [
        ("digits", ("reinit",)), ("digits", ("reinit",)), ("cifar-10", ("reinit",)),
        ("cifar-10", ()),
    ]  # fmt: skip
    assert rows[2].gain == 0.2
    assert {each.dataset for each in pareto_front(rows)} == {"digits", "cifar-10"}
    assert [each.dataset for each in shared_out(rows, 2)] == ["digits", "cifar-10"]
    assert shared_out(rows, 9) == rows
