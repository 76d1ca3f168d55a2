from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.campaigns import run_campaign

# Every so manieth pair of durable call and fault, which has no factor in common with the kinds,
# and how many these are at least.
SAMPLES = [
    ("167", 7),
    *(pytest.param(each, marks=pytest.mark.slow) for each in (("83", 15), ("41", 30))),
]


@pytest.fixture(scope="module", params=SAMPLES, ids=["167th", "83rd", "41st"])
def some_faults(request: pytest.FixtureRequest) -> dict[str, Any]:
    every, least = request.param
    return {"least": least, **run_campaign("--every", every)}


def test_a_search_disturbed_at_a_durable_call_ends_with_the_same_bytes_when_it_is_run_again(
    some_faults: dict[str, Any],
) -> None:
    assert some_faults["injections"] >= some_faults["least"]
    assert some_faults["failures"] == {}


def test_no_file_is_renamed_before_its_data_are_synced(some_faults: dict[str, Any]) -> None:
    assert some_faults["calls"].count("replace") >= 40
    assert some_faults["unsynced"] == []


def test_no_file_is_written_under_the_name_that_readers_know(some_faults: dict[str, Any]) -> None:
    assert some_faults["calls"].count("open") >= 40
    assert some_faults["in_place"] == []


def test_every_rename_is_followed_by_a_sync_of_the_folder(some_faults: dict[str, Any]) -> None:
    calls = some_faults["calls"]
    after = [calls[place + 1] for place, call in enumerate(calls) if call == "replace"]
    assert set(after) == {"sync-folder"}


@pytest.mark.slow  # with each change it is at durable calls, above, and in `engines/test_local.py`
def test_a_search_killed_at_random_moments_ends_with_the_same_bytes() -> None:
    found = run_campaign("--at-random", "1")
    assert found["kills"] > 0
    assert found["failures"] == {}


@pytest.mark.slow  # with each change `training/test_workers.py` and `engines/` disturb some
def test_a_search_whose_worker_processes_are_disturbed_ends_with_the_same_bytes() -> None:
    found = run_campaign("--in-workers", "12", "--every", "37")
    assert found == {"injections": 2, "failures": {}}


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_search_survives_every_fault_in_its_worker_processes() -> None:
    assert run_campaign("--in-workers", "12") == {"injections": 72, "failures": {}}


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_search_survives_every_fault_at_every_durable_call() -> None:
    found = run_campaign()
    assert found["injections"] == found["pairs"]
    assert found["failures"] == {}


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_search_survives_a_hundred_times_many_kills_at_random_moments() -> None:
    found = run_campaign("--at-random", "100")
    assert found["kills"] > 100
    assert found["in_level"] > 0
    assert found["failures"] == {}
