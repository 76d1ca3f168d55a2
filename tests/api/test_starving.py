"""Nobody makes the others wait: without a token, little can be asked for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.helpers import hostile
from tests.helpers.forked import fork_of
from ticket_hub_api import limits
from ticket_hub_api.accounts.principals import Scope
from ticket_hub_api.app import create_app, scopes_of
from ticket_hub_api.background import RunningHub
from ticket_hub_api.errors import ApiError
from ticket_hub_api.hub_protocol.cards import MAX_CARD, card_problems, parse_card
from ticket_hub_api.limits import Share
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings

T = TypeVar("T")

Call = Callable[..., Any]
HEAD = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"
HALF_OPEN = 1200


def card(matter: str) -> str:
    return f"---\n{matter}\n---\n"


NESTED = "[" * 2000
HOSTILE = {
    "flow": "[" * 60_000,
    "keys": "{a: " * 15_000,
    "questions": "? " * 30_000,
    "dashes": "- " * 30_000,
    "small parts": "[" + "1," * 30_000 + "]",
    "digits": "a: " + "1" * 60_000,
    "sixties": "a: " + "1:" * 30_000 + "1",
    "underscores": "a: 1" + "_" * 60_000,
    "aliases": "a: &a [x]\nb: [*a, *a]",
    "billion laughs": "a: &a [l]\nb: &b [*a, *a]\nc: &c [*b, *b]",
}


def plain_card(keys: int) -> str:
    return card("".join(f"n{number}: {number}\n" for number in range(keys)))


def own_seconds(work: Callable[[], object]) -> float:
    """The least that a call costs this thread, of three: hubs of other tests run beside it."""
    taken = []
    for _ in range(3):
        started = time.thread_time()
        work()
        taken.append(time.thread_time() - started)
    return min(taken)


@pytest.mark.parametrize("matter", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_card_is_refused_before_it_costs_anything(matter: str) -> None:
    assert card_problems(card(matter))
    largest = own_seconds(lambda: parse_card(plain_card(4990)))
    assert own_seconds(lambda: card_problems(card(matter))) <= largest


def test_the_largest_card_that_is_taken_costs_as_much_as_its_length() -> None:
    assert len(plain_card(4990)) < MAX_CARD
    assert len(parse_card(plain_card(4990))) == 4990
    tenth = own_seconds(lambda: parse_card(plain_card(499)))
    assert own_seconds(lambda: parse_card(plain_card(4990))) < 30 * tenth


@given(st.text("-[]{}?:,&*!%#|>'\"\n ab10.e_xT~<=", max_size=200))
@example("a: !!int ''")
@example("a: !!timestamp x")
@example("a: !!bool x")
@example("a: !!binary é")
@example("? [a]\n: b")
@example("a: 2020-99-99")
def test_a_card_is_data_or_has_a_problem(matter: str) -> None:
    problems = card_problems(card(matter))
    assert problems or json.dumps(parse_card(card(matter)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("---\na: 1\n---\nText", {"a": 1}), ("\ufeff---  \r\na: 1\r\n---\r\n", {"a": 1}),
     ("---\na: 1\n", {}), ("a: 1\n---\n", {}), ("", {}), ("---\n---\n", {}),
     ("---\na: |\n  --- x\n---", {"a": "--- x\n"})],
)  # fmt: skip
def test_front_matter_lies_between_two_lines(text: str, expected: dict[str, Any]) -> None:
    assert parse_card(text) == expected


def test_others_hardly_notice_45_hostile_cards_at_once(hub: RunningHub, call: Call) -> None:
    body = json.dumps({"content": card(NESTED), "repoType": "model"}).encode()
    request = HEAD.format("/api/validate-yaml", "application/json", len(body)).encode() + body
    assert (
        hostile.times_slower(
            lambda: call("GET", "/healthz"), lambda: hostile.storm(hub.endpoint, request, 45)
        )
        <= 2
    )


async def still_there() -> bool:
    return False


def burn() -> None:
    """Ten milliseconds of this thread's time."""
    until = time.thread_time() + 0.01
    while time.thread_time() < until:
        pass


def in_a_loop(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What a coroutine comes to, in another thread: a browser of other tests may hold this one."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(lambda: asyncio.run(main())).result()


def test_a_share_takes_no_more_than_its_part_of_the_time() -> None:
    async def main() -> float:
        share = Share(0.25, 100)
        started = time.monotonic()
        await asyncio.gather(*[share.run(burn, still_there) for _ in range(6)])
        return time.monotonic() - started

    assert in_a_loop(main) >= 5 * 0.04


def test_no_more_wait_for_a_share_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REFUSAL_SECONDS", 0.01)

    async def main() -> list[object]:
        share = Share(0.5, 3)
        calls = [share.run(burn, still_there) for _ in range(6)]
        return await asyncio.gather(*calls, return_exceptions=True)

    refused = [each for each in in_a_loop(main) if isinstance(each, ApiError)]
    assert [each.status for each in refused] == [429] * len(refused)
    assert 2 <= len(refused) <= 3


def test_nothing_is_done_for_callers_who_are_gone() -> None:
    async def gone() -> bool:
        return True

    async def main() -> list[object]:
        share = Share(0.1, 100)
        calls = [share.run(lambda: pytest.fail("called"), gone) for _ in range(50)]
        return await asyncio.gather(*calls, return_exceptions=True)

    assert all(isinstance(each, ApiError) for each in in_a_loop(main))


def guarded_routes(folder: Path) -> Iterator[tuple[str, str]]:
    """Method and path of each route that takes a body and is not for anybody."""
    settings = Settings(folder=folder)
    prepare(settings, host="127.0.0.1", port=1)
    app = create_app(settings)
    app.state.services.close()
    for route, scope in scopes_of(app):
        for method in (route.methods or set()) - {"GET", "HEAD"}:
            if scope != Scope.ANYONE:
                path = (
                    route.path_format.replace("{kind}", "models").replace("{", "").replace("}", "")
                )
                for name in ("/job_id", "/webhook_id", "/id"):
                    path = path.replace(name, "/" + "0" * 24)
                yield method, path


def test_no_body_is_waited_for_before_the_caller_is_known(hub: RunningHub, tmp_path: Path) -> None:
    seen = 0
    for method, path in guarded_routes(tmp_path):
        with connected(
            hub, f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
        ) as link:
            status = int(link.recv(4096).split()[1])
        assert status in {401, 403}, (method, path, status)
        seen += 1
    assert seen > 20


@contextlib.contextmanager
def connected(hub: RunningHub, sent: str) -> Iterator[socket.socket]:
    where = urlsplit(hub.endpoint)
    with socket.create_connection((where.hostname, where.port), 30) as link:
        link.sendall(sent.encode())
        yield link


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Enough of them for the sockets of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = HALF_OPEN + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"needs {wanted} descriptors (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_others_hardly_notice_1200_half_open_requests(
    hub: RunningHub, call: Call, descriptors: None
) -> None:
    @contextlib.contextmanager
    def half_open() -> Iterator[None]:
        with contextlib.ExitStack() as links:
            for _ in range(HALF_OPEN):
                links.enter_context(connected(hub, "GET /healthz HTTP/1.1\r\nHost: x\r\n"))
            yield
            held = len(list(Path(f"/proc/{fork_of(hub.process.pid)}/fd").iterdir()))
            assert held <= hub.settings.connections_each + 100

    assert hostile.times_slower(lambda: call("GET", "/healthz"), half_open) <= 2
