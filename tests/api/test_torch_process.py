"""What needs PyTorch is done in a process of its own, which may die, and ends with the service."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.calling import Caller
from tests.helpers.experiments import evidence_table
from ticket_hub.errors import HubNotFoundError
from ticket_hub.hub import connect, push
from ticket_hub_api import errors
from ticket_hub_api.background import RunningHub
from ticket_hub_api.torch_worker import do_work

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"
PATIENCE_SECONDS = 120
MEBIBYTE = 1 << 20
StartHub = Callable[..., RunningHub]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def holds_pytorch(pid: int) -> bool:
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def resident(pid: int) -> int:
    """Bytes of a process in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def child_of(hub: RunningHub) -> int:
    """The one process that a service has started."""
    tasks = Path(f"/proc/{hub.process.pid}/task").iterdir()
    [child] = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    return child


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_service_never_loads_pytorch_and_outlives_the_process_that_does(
    start: StartHub, call_to: Callable[[RunningHub], Caller], capfd: pytest.CaptureFixture[str]
) -> None:
    hub = start(fresh=True)
    call, service, child = call_to(hub), hub.process.pid, child_of(hub)
    repo = call("GET", "/api/whoami-v2").json["name"] + "/t"
    find = {"kind": "find", "recipe": "digits-quick", "repository": f"{repo}-found"}
    before = resident(service)
    assert call("POST", "/api/v1/jobs/estimate", find).status == 200
    push(connect(hub.endpoint, token=hub.token), GOLDEN, repo)
    commit = call("GET", f"/api/models/{repo}").json["sha"]
    retrain = {"kind": "retrain", "ticket": f"{repo}:2", "dataset": "digits"}
    evidence = {"ticket": repo, "evidence": evidence_table(GOLDEN)}
    asked = [
        ("POST", "/api/v1/jobs/estimate", retrain, 200),
        ("POST", "/api/v1/jobs/estimate", find | {"recipe": "none"}, 422),
        ("POST", "/api/v1/jobs", retrain, 201),
        ("POST", "/api/v1/experiments", evidence, 201),
        ("POST", "/api/v1/experiments", evidence | {"ticket": "no/body"}, 404),
        ("POST", "/api/v1/experiments", evidence | {"more": 1}, 422),
        ("GET", f"/api/v1/tickets/{repo}/curves?level=2", None, 200),
        ("GET", f"/api/v1/tickets/{repo}/curves?level=2&revision=none", None, 404),
        ("GET", f"/api/v1/compare?ticket={repo}&ticket={repo}@main", None, 200),
        ("GET", f"/tickets/{repo}/figures/{commit}/ladder.svg", None, 200),
        ("GET", f"/compare?ticket={repo}&ticket={repo}@main", None, 200),
    ]
    for method, path, body, status in asked:
        answer = call(method, path, body)
        assert answer.status == status, (path, answer.status, answer.body)
    assert holds_pytorch(child)
    assert not holds_pytorch(service)
    assert resident(service) - before < 30 * MEBIBYTE

    other = {"ticket": repo, "evidence": evidence_table(GOLDEN, seed=1)}
    database, idle = sqlite3.connect(hub.settings.folder / "hub.sqlite"), threads(child)
    database.execute("BEGIN IMMEDIATE")  # whoever writes has to wait
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(call, "POST", "/api/v1/experiments", other)
        until(lambda: threads(child) > idle)
        assert call("POST", "/api/v1/jobs/estimate", retrain).status == 200
        assert not long.done()
        os.kill(child, signal.SIGKILL)
        lost = long.result()
    database.close()
    assert (lost.status, lost.headers["Retry-After"]) == (503, "2")
    assert "process" in lost.json["detail"]
    assert call("POST", "/api/v1/experiments", other).status == 201
    assert not holds_pytorch(service)

    child = child_of(hub)
    os.kill(child, signal.SIGTERM)  # as whoever stops all processes of a service does
    assert call("POST", "/api/v1/jobs/estimate", find).status == 200
    hub.stop()
    assert not Path(f"/proc/{child}").exists()
    said = capfd.readouterr().err
    assert not [line for line in said.splitlines() if not line.startswith('{"time"')], said


def test_no_process_is_left_where_the_service_is_killed_while_it_starts(start: StartHub) -> None:
    hub = start(fresh=True)
    child = child_of(hub)
    assert not holds_pytorch(child)
    hub.kill()
    until(lambda: not Path(f"/proc/{child}").exists())


class WordyError(Exception):
    """It cannot be made again of its words alone."""

    def __init__(self, *, cause: str) -> None:
        super().__init__(f"because of {cause}")


def refuse(_services: object) -> None:
    raise HubNotFoundError("No.", "Look elsewhere.")


def fail(_services: object) -> None:
    raise WordyError(cause="moths")


@pytest.mark.parametrize(
    ("act", "kind", "words"),
    [(refuse, HubNotFoundError, "No. Look elsewhere."), (fail, RuntimeError, "because of moths")],
)
def test_every_error_comes_through_with_its_trace(
    act: Callable[[object], None], kind: type[Exception], words: str
) -> None:
    ours, theirs = multiprocessing.Pipe()
    ours.send((act, (), {}))
    services: Future[Any] = Future()
    services.set_result(None)
    do_work(services, theirs)
    value, error = ours.recv()
    assert (value, type(error)) == (None, kind)
    assert words in str(error)
    assert f"in {act.__name__}" in "".join(traceback.format_exception(error))


def test_a_refusal_travels_with_its_status_and_headers() -> None:
    refusal = errors.too_many(7, "Too many.")
    refusal.code, refusal.content = "Busy", {"left": 0}
    same = pickle.loads(pickle.dumps(refusal))
    assert type(same) is errors.ApiError
    assert vars(same) == vars(refusal)
    assert str(same) == "Too many."
