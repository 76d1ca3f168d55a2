"""How often one caller may ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ticket_hub_api.background import RunningHub
from ticket_hub_api.limits import MAX_CALLERS, Buckets

StartHub = Callable[..., RunningHub]
CallTo = Callable[[RunningHub], Callable[..., Any]]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_worth_may_come_at_once_and_then_evenly() -> None:
    clock = Clock()
    buckets = Buckets(60, clock)
    for _ in range(60):
        assert buckets.wait("a") == 0
        buckets.take("a")
    assert buckets.wait("a") == 1
    clock.now += 1
    assert buckets.wait("a") == 0


def test_callers_do_not_share_a_bucket() -> None:
    buckets = Buckets(1, Clock())
    buckets.take("a")
    assert buckets.wait("a") == 60
    assert buckets.wait("b") == 0


def test_zero_means_any_number() -> None:
    buckets = Buckets(0)
    for _ in range(1000):
        buckets.take("a")
    assert buckets.wait("a") == 0


def test_no_more_callers_are_remembered_than_fit() -> None:
    buckets = Buckets(5, Clock())
    for number in range(MAX_CALLERS + 100):
        buckets.take(str(number))
    assert len(buckets._levels) == MAX_CALLERS


@given(st.integers(1, 500), st.lists(st.floats(0, 5), max_size=200))
def test_over_any_stretch_no_more_pass_than_one_minute_and_the_time_allow(
    per_minute: int, pauses: list[float]
) -> None:
    clock = Clock()
    buckets = Buckets(per_minute, clock)
    passed = 0
    for pause in pauses:
        clock.now += pause
        if not buckets.wait("a"):
            buckets.take("a")
            passed += 1
    assert passed <= per_minute + (clock.now - 1000) * per_minute / 60 + 1e-6


def test_a_caller_that_asks_too_often_is_told_when_to_come_back(
    start: StartHub, call_to: CallTo
) -> None:
    call = call_to(start(requests_per_minute=20))
    statuses = [call("GET", "/api/whoami-v2").status for _ in range(30)]
    assert statuses[:20] == [200] * 20
    refused = call("GET", "/api/whoami-v2")
    assert refused.status == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert call("GET", "/healthz", token="").status == 200


def test_wrong_tokens_from_one_address_are_limited(start: StartHub, call_to: CallTo) -> None:
    call = call_to(start(failures_per_minute=5))
    statuses = [call("GET", "/api/whoami-v2", token=f"th_{n}").status for n in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert call("GET", "/healthz", token="").status == 200
