from __future__ import annotations

import math

import pytest

from tests.helpers.ladders import series
from ticket_hub.comparison.ladder import MeasuredLadder


@pytest.fixture
def ladder() -> MeasuredLadder:
    """A ticket and two controls over six levels, three trials each."""
    ticket = series("ticket", 0.001)
    assert math.isclose(ticket.rungs[0].outcome.accuracy[0], 0.98)
    return MeasuredLadder(
        title="lenet-300-100 on mnist",
        series=(ticket, series("reinit", 0.004), series("random", 0.008)),
        dense=ticket.rungs[0],
    )
