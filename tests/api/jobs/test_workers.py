"""Real jobs in real workers: started by the command, killed, stopped, and taken over."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import ticket_hub
from tests.helpers.browsing import Reader
from tests.helpers.calling import Caller
from tests.helpers.forked import fork_of, running_hub, start
from ticket_hub.engines.folder import WorkFolder
from ticket_hub.engines.local import KILL_SECONDS
from ticket_hub.recipe import load_recipe
from ticket_hub.transfer.sharing import name_card
from ticket_hub_api.background import RunningHub
from ticket_hub_api.pages.trial_drawing import MIN_POINTS
from ticket_hub_api.settings import Settings
from ticket_hub_api.worker.attempt import BEAT_SECONDS, LOOK_SECONDS
from ticket_hub_api.worker.slot import GRACE_SECONDS

API = "/api/v1/jobs"
MYNET = Path(__file__).resolve().parents[2] / "helpers/mynet.py"
Call = Callable[..., Any]
TINY = {"iterations": 20, "evaluate_every": 10, "trials": 3, "levels": 2}
LONG = {"iterations": 1500, "evaluate_every": 50, "trials": 3, "levels": 2}
ENDLESS = {"iterations": 1_000_000, "evaluate_every": 1000, "trials": 3, "levels": 2}


@dataclass
class Site:
    """A hub, and the workers that carry out its jobs."""

    hub: RunningHub
    folder: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workplace, self.log = self.folder / "jobs", self.folder / "workers.log"
        self.ask = Caller(self.hub.endpoint, self.hub.token)
        self.owner: str = self.ask("GET", "/api/whoami-v2").json["name"]

    def start_worker(self, *options: str, lease: float = 4) -> subprocess.Popen[bytes]:
        """Start `ticket worker` with one slot."""
        arguments = [
            "worker", "--hub", self.hub.endpoint, "--slots", "1", "--device", "cpu",
            "--jobs-folder", str(self.workplace), "--lease", str(lease),
            "--checkpoint-seconds", "0.2", *options,
        ]  # fmt: skip
        variables = {**os.environ, **self.hub.settings.to_environment()}
        self.workers.append(start("ticket_hub_cli", arguments, variables, self.log))
        return self.workers[-1]

    def submit(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a request
        """Submit a find; the answer."""
        repository = f"{self.owner}/found-{uuid.uuid4().hex[:8]}"
        request = {"kind": "find", "recipe": "digits-quick", "repository": repository, **fields}
        answer = self.ask("POST", API, request)
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.json
        return made

    def end(self) -> None:
        """End whatever still runs."""
        for process in self.workers:
            process.terminate()
        for process in self.workers:
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()


@pytest.fixture
def site(start: Callable[..., RunningHub], tmp_path: Path) -> Iterator[Site]:
    """A hub of this test alone, without workers yet."""
    made = Site(start(), tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def peace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub with one worker, for all tests that kill neither."""
    folder = tmp_path_factory.mktemp("peace")
    with running_hub(Settings(folder=folder / "hub")) as hub:
        made = Site(hub, folder)
        made.start_worker(lease=600)
        yield made
        made.end()


def until(ask: Call, job: str, states: set[str], seconds: float = 120) -> dict[str, Any]:
    """The job, once it is in one of these states."""
    deadline = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = ask("GET", f"{API}/{job}").json
        if found["state"] in states:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def until_training(ask: Call, job: str) -> None:
    """Waits until the job has trained for a while, past its first checkpoint."""
    deadline = time.monotonic() + 120
    while not ask("GET", f"{API}/{job}").json["progress"].get("latest", {}).get("iteration"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def slots_of(worker: subprocess.Popen[bytes]) -> list[int]:
    """The processes of a worker's slots."""
    number = fork_of(worker.pid)
    children = Path(f"/proc/{number}/task/{number}/children").read_text()
    return [int(child) for child in children.split()]


def kill(worker: subprocess.Popen[bytes]) -> None:
    """Ends a worker with all its slots at once, as a machine that dies would."""
    slots = slots_of(worker)
    worker.kill()
    for slot in slots:
        with suppress(ProcessLookupError):
            os.kill(slot, signal.SIGKILL)
    worker.wait()


def kinds(ask: Call, job: str) -> list[str]:
    text = ask("GET", f"{API}/{job}/events").body.decode()
    return [line.removeprefix("event: ") for line in text.splitlines() if line[:7] == "event: "]


def test_a_find_is_carried_out_and_its_ticket_retrained(peace: Site) -> None:
    ask, own_hub = peace.ask, peace.hub
    job = peace.submit(**TINY)
    done = until(ask, job["id"], {"finished", "failed"})
    assert done["state"] == "finished", done
    repository = job["repository"]
    assert done["result"]["repository"] == repository
    assert [level["index"] for level in done["result"]["levels"]] == [0, 1, 2]
    assert done["slot_seconds"] > 0
    info = ticket_hub.info_bundle(repository, hub=own_hub.endpoint, token=own_hub.token)
    assert info.snapshot.commit == done["result"]["commit"]
    request = {"kind": "retrain", "ticket": f"{repository}:2", "trials": 3, "against": ["reinit"]}
    retrain = ask("POST", API, request | {"reinits": 2}).json
    assert retrain["estimate"]["networks"] == 9
    done = until(ask, retrain["id"], {"finished", "failed"})
    assert done["state"] == "finished", done
    result = ask("GET", f"{API}/{retrain['id']}/result").json
    (level,) = result["levels"]
    assert (level["level"], level["n"]) == (2, 3)
    entered = ask("GET", f"/api/v1/experiments/{result['experiment']}")
    assert entered.status == 200, result
    watched = list(ticket_hub.watch_run(retrain["id"], hub=own_hub.endpoint, token=own_hub.token))
    told = kinds(ask, retrain["id"])
    assert [event["event"] for event in watched] == ["run", *told, "ended"]
    assert watched[-1]["state"] == "finished"
    assert told.count("result") == 9
    assert (told[0], told[-1]) == ("queued", "finished")
    announced, *lines = peace.log.read_text().splitlines()
    assert announced.startswith("Carrying out jobs of")
    logged = [json.loads(line) for line in lines]
    assert {line.get("job") for line in logged} >= {job["id"], retrain["id"]}


def test_a_network_of_ones_own_needs_a_worker_that_imports_it(
    start: Callable[..., RunningHub], tmp_path: Path
) -> None:
    file, recipe = tmp_path / "own_net.py", tmp_path / "mine.toml"
    file.write_bytes(MYNET.read_bytes())
    changes = {"network.name": "my-net", "network.init": "default"}
    table = load_recipe("digits-quick").replace(changes).to_toml()
    recipe.write_text(table.partition("\n")[2])  # without its name: it is called as the file is
    hub = start(job_recipes=str(recipe), environment={"TICKET_IMPORT": str(file)})
    site = Site(hub, tmp_path)
    try:
        job = site.submit(recipe="mine", **TINY)
        unknowing = site.start_worker()
        refused = until(site.ask, job["id"], {"finished", "failed"})
        assert (refused["state"], refused["attempt"]) == ("failed", 1), refused
        assert "no network 'my-net'" in refused["problem"]
        assert "--import FILE_OR_MODULE" in refused["remedy"]
        unknowing.terminate()
        unknowing.wait(30)
        job = site.submit(recipe="mine", **TINY)
        site.start_worker("--import", str(file))
        done = until(site.ask, job["id"], {"finished", "failed"})
        assert done["state"] == "finished", done
        found = ticket_hub.pull_bundle(
            f"{job['repository']}:all", hub=hub.endpoint, token=hub.token, cache_dir=tmp_path / "c"
        )
        manifest = json.loads((found.folder / "ticket.json").read_bytes())
        assert manifest["recipe"]["network"]["name"] == "my-net"
    finally:
        site.end()


def test_taken_over_from_a_dead_worker_a_find_is_bit_identical(site: Site, tmp_path: Path) -> None:
    ask, own_hub = site.ask, site.hub
    job = site.submit(**LONG)
    worker = site.start_worker()
    until_training(ask, job["id"])
    kill(worker)
    site.start_worker()
    done = until(ask, job["id"], {"finished", "failed"})
    assert done["state"] == "finished", done
    assert done["attempt"] == 2
    assert "worker-lost" in kinds(ask, job["id"])
    changes = {
        "training.iterations": LONG["iterations"],
        "training.evaluate_every": LONG["evaluate_every"],
        "search.trials": 3,
        "search.levels": 2,
    }
    place = tmp_path / "alone"
    alone = ticket_hub.find("digits-quick", changes=changes, run_folder=place, workers=1)
    name_card(alone.bundle, job["repository"])  # as the worker's push did
    pulled = ticket_hub.pull_bundle(
        f"{job['repository']}:all",
        hub=own_hub.endpoint,
        token=own_hub.token,
        cache_dir=tmp_path / "cache",
    )
    names = ["ticket.json", "ladder.svg", "README.md"]
    for name in names:
        assert (pulled.folder / name).read_bytes() == (alone.bundle / name).read_bytes()


def test_a_stopped_worker_gives_its_job_back_at_once(site: Site) -> None:
    ask = site.ask
    job = site.submit(**ENDLESS)
    worker = site.start_worker(lease=600)
    until_training(ask, job["id"])
    worker.terminate()
    assert worker.wait(30) == 0
    found = ask("GET", f"{API}/{job['id']}").json
    assert (found["state"], found["attempt"], found["failures"]) == ("queued", 2, 0)
    assert (site.workplace / job["id"] / "run/checkpoints/000/trial-0.json").exists()


def test_stopping_the_service_stops_no_job(site: Site, start: Callable[..., RunningHub]) -> None:
    ask, own_hub = site.ask, site.hub
    job = site.submit(**LONG | {"iterations": 1000})
    site.start_worker()
    until_training(ask, job["id"])
    own_hub.stop()
    deadline = time.monotonic() + 120
    while WorkFolder(site.workplace / job["id"] / "work").status().state != "finished":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    start(port=own_hub.port)
    done = until(ask, job["id"], {"finished", "failed"})
    assert (done["state"], done["attempt"], done["failures"]) == ("finished", 1, 0), done
    info = ticket_hub.info_bundle(job["repository"], hub=own_hub.endpoint, token=own_hub.token)
    assert info.snapshot.commit == done["result"]["commit"]


def test_a_cancel_is_designed_to_end_within_ten_seconds() -> None:
    assert BEAT_SECONDS + LOOK_SECONDS + GRACE_SECONDS + KILL_SECONDS < 10


def until_drawn(ask: Call, job: str) -> dict[str, list[tuple[int, float]]]:
    """The curves of what trains in a job, once one of them can be drawn."""
    deadline = time.monotonic() + 120
    while True:
        curves = ask("GET", f"{API}/{job}").json["progress"].get("curves", {})
        if any(len(points) >= MIN_POINTS for points in curves.values()):
            return dict(curves)
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_running_job_shows_its_curves_and_is_cancelled_with_its_whole_process_group(
    peace: Site,
) -> None:
    ask = peace.ask
    job = peace.submit(**ENDLESS | {"evaluate_every": 100})
    curves = until_drawn(ask, job["id"])
    assert len(curves) <= ENDLESS["trials"]
    for points in curves.values():
        iterations, accuracies = zip(*points, strict=True)
        assert list(iterations) == sorted(set(iterations))
        assert all(iteration % 100 == 0 for iteration in iterations)
        assert all(0 <= accuracy <= 1 for accuracy in accuracies)
    bearer = f"Bearer {peace.hub.token}"
    page = Reader(peace.hub.endpoint).get(f"/jobs/{job['id']}", Authorization=bearer).text
    shown = dict(re.findall(r'class="curve" points="([^"]+)"><title>([^<]+)<', page))
    drawn = {name for name, points in curves.items() if len(points) >= MIN_POINTS}
    assert drawn <= set(shown.values())
    group = json.loads((peace.workplace / job["id"] / "work/process.json").read_bytes())["process"]
    assert ask("POST", f"{API}/{job['id']}/cancel").json["stopping"] is True
    assert until(ask, job["id"], {"cancelled"}, 30)["state"] == "cancelled"
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)
