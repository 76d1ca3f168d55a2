"""Disturb a real search, run it again, and compare every byte with an undisturbed one.

Run as a script, which prints what it found as JSON; the tests do so. Every disturbed search and
every rerun is a process of its own, forked from one that has imported everything and has not
started a thread. The production code has no hooks: see `disturber` for what is wrapped.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import scipy.special  # noqa: F401 - imported here once, not by every child when it judges
import torch
import torch._dynamo  # the same: every optimizer asks for it

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from disturber import AT, KIND, KINDS, ROOT, Disturber  # type: ignore[import-not-found]

from tests.helpers.own_loops import Net, train
from ticket_hub.errors import StoppedError, TicketHubError
from ticket_hub.own import Comparison, Search
from ticket_hub.recipe import Recipe, load_recipe
from ticket_hub.runs.resources import Resources
from ticket_hub.search import search
from ticket_hub.training import Progress

REFUSED = 74
Work = Callable[[Path], None]


def tiny() -> Recipe:
    """Three levels of two small networks, rewound to a step."""
    return load_recipe("digits-quick").replace(
        {
            "network.name": "lenet-8",
            "training.iterations": 12,
            "training.evaluate_every": 4,
            "training.backend": "stack",
            "search.levels": 2,
            "search.trials": 2,
            "search.rewind": "2it",
        }
    )


def straight(folder: Path, recipe: Recipe) -> None:
    """A whole search that keeps checkpoints as often as it can."""
    for _ in search(
        recipe, run_folder=folder, resources=Resources(workers=1, checkpoint_seconds=0.0)
    ):
        pass


def longer() -> Recipe:
    """Two levels of so many iterations that a process can be told to stop in between."""
    more = {"training.iterations": 4000, "training.evaluate_every": 100, "search.levels": 1}
    return tiny().replace(more)


def stopped_and_resumed(folder: Path, recipe: Recipe, workers: int = 1) -> None:
    """A whole search that is asked to stop in the middle of level 1, and then goes on."""
    wish, finished = False, 0

    def observe(progress: Progress) -> None:
        nonlocal wish
        if finished == 1 and progress.iteration >= 4:
            wish = True
            time.sleep(0.06)  # the wish is asked for at most twenty times a second

    with contextlib.suppress(StoppedError):
        for _ in search(
            recipe,
            run_folder=folder,
            resources=Resources(workers=workers, observe=observe, should_stop=lambda: wish),
        ):
            finished += 1
    assert finished == 1, "the search was not stopped in level 1"
    straight(folder, recipe)


def own_loop(folder: Path) -> None:
    """A search and a comparison that an author's own loop trains; it is never told to stop."""
    for step in Search(Net, levels=2, trials=2, folder=folder / "run", rewind="2it"):
        step.finish(test=train(step, point=2))
    compared = Comparison(
        f"{folder}/run:2",
        against=["reinit"],
        trials=1,
        make_network=Net,
        folder=folder / "compared",
    )
    for step in compared:
        step.finish(test=train(step))
    compared.result()


def tree(folder: Path) -> dict[str, str]:
    """The sha256 of every file in a run folder but its lock."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


def fork(work: Callable[[], object]) -> int:
    """Begin something in a forked process; returns its id."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        work()
        code = 0
    except TicketHubError:
        code = REFUSED
    except BaseException as error:  # noqa: BLE001 - told by the exit code and on stderr
        sys.stderr.write(f"{error!r}\n")
    finally:
        os._exit(code)


def apart(work: Callable[[], object]) -> int:
    """Do something in a forked process; returns how it ended."""
    return os.waitstatus_to_exitcode(os.waitpid(fork(work), 0)[1])


def undisturbed(folder: Path, whole: Work) -> dict[str, str]:
    """The files of a search that nothing happens to."""
    status = apart(lambda: whole(folder))
    assert status == 0, f"the undisturbed search ended with {status}"
    return tree(folder)


def complaints(folder: Path, whole: Work, expected: dict[str, str]) -> list[str]:
    """Run again, and say what differs from the undisturbed search."""
    status = apart(lambda: whole(folder))
    got = tree(folder)
    changed = [name for name in got.keys() | expected.keys() if got.get(name) != expected.get(name)]
    shutil.rmtree(folder)
    found = [f"the rerun ended with {status}"] if status else []
    return [*found, f"the rerun differs in {sorted(changed)}"] if changed else found


def watch(folder: Path, report: Path, work: Work) -> None:
    """Write down the durable calls of a search."""
    disturber = Disturber(folder)
    disturber.install()
    work(folder)
    seen = {name: getattr(disturber, name) for name in ("calls", "unsynced", "in_place")}
    report.write_text(json.dumps(seen))


def disturb_here(folder: Path, at: int, kind: str, work: Work) -> None:
    """A search that goes wrong at one call of its own process."""
    Disturber(folder, at, kind).install()
    work(folder)


def disturb_workers(folder: Path, at: int, kind: str) -> None:
    """A search whose worker processes each go wrong at one call of theirs: in checkpoints."""
    os.environ |= {ROOT: str(folder), AT: str(at), KIND: kind}
    sys.path.append(str(Path(__file__).parent / "disturbed"))
    stopped_and_resumed(folder, longer(), workers=2)


def campaign(place: Path, every: int, whole: Work, work: Work) -> dict[str, Any]:
    """Disturb `work` at every so many-th pair of call and kind, and let `whole` go on with it."""
    expected = undisturbed(place / "straight", whole)
    assert apart(lambda: watch(place / "watched", place / "report.json", work)) == 0
    seen: dict[str, Any] = json.loads((place / "report.json").read_text())
    failures = {} if tree(place / "watched") == expected else {"resumed": ["differs"]}
    pairs = [(at, kind) for at in range(len(seen["calls"])) for kind in KINDS]
    for at, kind in pairs[::every]:
        status = apart(lambda at=at, kind=kind: disturb_here(place / "run", at, kind, work))  # type: ignore[misc]
        wrong = complaints(place / "run", whole, expected)
        if status != (REFUSED if kind in {"ENOSPC", "EIO"} else -signal.SIGKILL):
            wrong.append(f"the disturbed search ended with {status}")
        if wrong:
            failures[f"{kind} at {at} ({seen['calls'][at]})"] = wrong
    return seen | {"pairs": len(pairs), "injections": len(pairs[::every]), "failures": failures}


def campaign_in_workers(place: Path, every: int, most: int) -> dict[str, Any]:
    """The same for the first `most` calls of each worker process, all in checkpoints."""
    whole = partial(straight, recipe=longer())
    expected = undisturbed(place / "straight", whole)
    failures = {}
    pairs = [(at, kind) for at in range(most) for kind in KINDS][::every]
    for at, kind in pairs:
        status = apart(lambda at=at, kind=kind: disturb_workers(place / "run", at, kind))  # type: ignore[misc]
        wrong = complaints(place / "run", whole, expected)
        if wrong or status != REFUSED:
            failures[f"{kind} at {at}"] = [*wrong, f"the disturbed search ended with {status}"]
    return {"injections": len(pairs), "failures": failures}


def kill_after_news(folder: Path, recipe: Recipe, news: int, more: float) -> bool:
    """Kill a search some seconds after its so many-th news; False where it was through first."""
    reader, writer = os.pipe()

    def tell(_: Progress) -> None:
        os.write(writer, b".")

    def work() -> None:
        for _ in search(
            recipe,
            run_folder=folder,
            resources=Resources(workers=1, checkpoint_seconds=0.0, observe=tell),
        ):
            pass

    child = fork(work)
    os.close(writer)
    with os.fdopen(reader, "rb") as heard:
        heard.read(news)
        time.sleep(more)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def campaign_at_random(place: Path, runs: int) -> dict[str, Any]:
    """Kill a longer search at five random moments, then let it come through."""
    recipe = longer().replace({"training.iterations": 2000})
    whole = partial(straight, recipe=recipe)
    expected = undisturbed(place / "straight", whole)
    failures, kills, kept = {}, 0, 0
    chance = random.Random(0)
    for run in range(runs):
        for _ in range(5):
            news, more = chance.randrange(10, 100), chance.uniform(0, 0.02)
            kills += kill_after_news(place / "run", recipe, news, more)
            kept += any((place / "run").glob("checkpoints/*/*.json"))
        wrong = complaints(place / "run", whole, expected)
        if wrong:
            failures[str(run)] = wrong
    return {"injections": runs, "kills": kills, "in_level": kept, "failures": failures}


def main() -> None:
    """Print what a campaign found, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--own", action="store_true", help="of an author's own loop")
    parser.add_argument("--in-workers", type=int, metavar="MAX", default=0)
    parser.add_argument("--at-random", type=int, metavar="RUNS", default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        if options.at_random:
            found = campaign_at_random(place, options.at_random)
        elif options.in_workers:
            found = campaign_in_workers(place, options.every, options.in_workers)
        elif options.own:
            found = campaign(place, options.every, own_loop, own_loop)
        else:
            parts = (partial(work, recipe=tiny()) for work in (straight, stopped_and_resumed))
            found = campaign(place, options.every, *parts)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
