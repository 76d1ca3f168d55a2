"""The figure of a claim: a row for each statement, at its numbers, in its own unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.lines import Line2D

from tests.helpers.tried import tried
from ticket_hub.bundle.reproduction_reading import read_reproduction
from ticket_hub.report.statements import statements_figure
from ticket_hub.report.style import BLUE, INK, VERMILLION, png


def drawn(outcome: str = "reproduced", **changes: object) -> list[Axes]:
    """The rows of the figure of a record, whose first statement is changed."""
    table = tried(outcome=outcome)
    table["statements"][0] |= changes
    return statements_figure(read_reproduction(table)).axes


def across(line: Line2D) -> list[float]:
    """Where a line runs, from left to right."""
    return [float(each) for each in np.asarray(line.get_xdata(), dtype=float)]


def bar(panel: Axes) -> tuple[float, float, float]:
    """The ends of the interval that a row draws, and its middle."""
    (found,) = [each for each in panel.containers if isinstance(each, ErrorbarContainer)]
    ((low, _), (high, _)) = found.lines[2][0].get_segments()[0]
    assert found.lines[0] is not None
    (middle,) = across(found.lines[0])
    return float(low), middle, float(high)


def test_a_row_has_the_interval_the_bound_and_what_was_published() -> None:
    said = tried()["statements"][0]
    first, *others = drawn(published=1.5)
    assert len(others) == len(tried()["statements"]) - 1
    measured = said["measured"]
    assert bar(first) == pytest.approx((measured["low"], measured["mean"], measured["high"]))
    assert said["says"] in first.get_title(loc="left")
    assert [1.5] in [across(line) for line in first.get_lines() if line.get_marker() == "D"]
    dashed = [across(line) for line in first.get_lines() if line.get_linestyle() == "--"]
    assert dashed == [[said["above"]] * 2]
    left, right = first.get_xlim()
    assert left < min(measured["low"], said["above"])
    assert right > max(measured["high"], 1.5)
    assert png(statements_figure(read_reproduction(tried())))


@pytest.mark.parametrize(
    ("changes", "label", "color"),
    [
        ({}, "shown", BLUE),
        (
            {"shown": False, "measured": {"mean": 1, "low": -200, "high": 30}}
            | {"outcome": "not decided"},
            "not shown",
            INK,
        ),
        (
            {"shown": False, "opposed": True, "measured": {"mean": -150, "low": -160, "high": -140}}
            | {"outcome": "not reproduced"},
            "the opposite is shown",
            VERMILLION,
        ),
    ],
)
def test_a_row_says_whether_its_statement_is_shown(
    changes: dict[str, Any], label: str, color: str
) -> None:
    first = drawn(**changes)[0]
    assert first.get_title(loc="left").startswith(f"{label}: the ticket")
    (found,) = [each for each in first.containers if isinstance(each, ErrorbarContainer)]
    assert found.lines[0] is not None
    assert to_hex(found.lines[0].get_color()) == color


def test_an_interval_that_is_not_known_is_left_out() -> None:
    changes = {"shown": False, "measured": {"mean": 1.0, "low": None, "high": None}}
    low, middle, high = bar(drawn(**changes, outcome="not decided")[0])
    assert low == middle == high == 1.0
