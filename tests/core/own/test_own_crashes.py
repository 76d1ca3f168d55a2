"""An own loop is disturbed at its durable calls, as other searches are: see `search/`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.campaigns import run_campaign


# Neither has a factor in common with the kinds.
@pytest.mark.parametrize(
    ("every", "least"), [("503", 3), pytest.param("251", 7, marks=pytest.mark.slow)]
)
def test_a_loop_disturbed_at_a_durable_call_ends_with_the_same_bytes_when_it_is_run_again(
    every: str, least: int
) -> None:
    found = run_campaign("--own", "--every", every)
    assert found["injections"] >= least
    assert found["failures"] == {}
    assert found["unsynced"] == found["in_place"] == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_loop_survives_every_fault_at_every_durable_call() -> None:
    found: dict[str, Any] = run_campaign("--own")
    assert found["injections"] == found["pairs"]
    assert found["failures"] == {}
