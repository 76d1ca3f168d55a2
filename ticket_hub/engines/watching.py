"""Watch a run from another process: what its folder tells, as events, until it ends.

The events are those of `ticket_hub.runs.reporters`, and two more:

| event | fields |
|---|---|
| `run` | the fields of `ticket_hub.list_runs`: which run it is, and how far; the first |
| `ended` | `state`, `ending`: nothing is done in it any more; the last |

A `progress` has `rate`, too: iterations a second since the reading before; null at the first. A
level or result that was there when watching began is `resumed`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ticket_hub import home
from ticket_hub.bundle.encoding import decode
from ticket_hub.bundle.layout import MANIFEST
from ticket_hub.engines.folder import WorkFolder, works_folder
from ticket_hub.engines.progress import read_progress
from ticket_hub.errors import BundleError, RunError, TicketNotFoundError
from ticket_hub.hub.jobs import follow_job, is_job
from ticket_hub.runs.file_names import EVIDENCE
from ticket_hub.runs.listing import RunSummary, list_runs, summarize
from ticket_hub.runs.live_progress import read_live
from ticket_hub.runs.removing import find_run

__all__ = ["watch_run"]

Event: TypeAlias = dict[str, Any]
SECONDS_BETWEEN = 0.5
PATIENCE_SECONDS = 5.0
"""Between two processes of one run, as between the works of an engine and what joins them."""


def watch_run(
    run: str | Path | None = None,
    *,
    runs: Path | str | None = None,
    hub: str | Path | None = None,
    token: str | None = None,
    seconds: float = SECONDS_BETWEEN,
) -> Iterator[Event]:
    """Yield what happens in a run, until nothing is done in it any more.

    Nothing is written, and no lock is taken: watching never disturbs what is watched.

    Args:
        run: a name that `ticket list` shows, a recipe's name or a path, also of a run that an
            engine does; or the id of a job of a hub. None is the run that is being worked on.
        runs: the folder of runs, by default the user's.
        hub, token: of a job; as in `ticket_hub.search_hub`.
        seconds: between two looks at the folder.

    Raises:
        TicketNotFoundError: there is no such run, or none is being worked on.
        RunError: the folder is no run, or several are called so.
        HubError: the hub has no such job, refuses or cannot be reached.
    """
    if is_job(run):
        yield from follow_job(str(run), hub=hub, token=token)
        return
    place = _place(run, None if runs is None else Path(runs))
    watched = _RunWatcher(place)
    yield {"event": "run", **_facts(summarize(place), place)}
    quiet_since: float | None = None
    while True:
        is_running = watched.is_running
        yield from watched.news()
        expects_more = watched.expects_more
        found = None if is_running else summarize(place)
        if found is None or found.state == "running":  # it may have begun between the two looks
            quiet_since = None
        else:
            quiet_since = quiet_since or time.monotonic()
            waited = time.monotonic() - quiet_since
            if found.state == "finished" or not expects_more or waited > PATIENCE_SECONDS:
                yield from watched.news()
                yield from _verdicts(place)
                state = watched.state(found.state)
                yield {"event": "ended", "state": state, "ending": found.ending}
                return
        time.sleep(seconds)


def _place(run: str | Path | None, runs: Path | None) -> Path:
    folder = runs or home.runs_folder()
    if run is None:
        return _present(folder, runs)
    named = folder / str(run)
    for path in (home.expanded(run), named):
        if works_folder(path).is_dir():  # begun by an engine, in parts: no folder of its own yet
            return path.absolute()
    try:
        return find_run(str(run), runs).path
    except TicketNotFoundError:
        of_recipe = [each for each in list_runs(runs, experiments=True) if each.recipe == str(run)]
        running = [each for each in of_recipe if each.state == "running"]
        for each in (*running, *of_recipe):
            return each.path
        raise


def _present(folder: Path, runs: Path | None) -> Path:
    found = [each for each in list_runs(runs, experiments=True) if each.state == "running"]
    works = folder / ".works"
    parts = [folder / each.name for each in works.iterdir()] if works.is_dir() else []
    for path in (*(each.path for each in found), *parts):
        return path
    raise TicketNotFoundError(
        f"Nothing is being worked on in {folder}.",
        "`ticket list` shows the runs that are here; name one to see how it ended.",
    )


def _facts(found: RunSummary, place: Path) -> Event:
    facts = {name: value for name, value in vars(found).items() if name not in {"path", "bundle"}}
    if found.state == "damaged" and works_folder(place).is_dir():
        facts |= {"state": "running", "ending": ""}  # its works are; it is not put together yet
    return {"name": place.name, "path": str(place), **facts}


@dataclass
class _RunWatcher:
    """A run's folder, and what was told of it.

    Attributes:
        place: the folder.
        levels: whose events were told.
        results: files that were told.
        members: the last reading told of each.
        offsets: of the works' files, after what was told.
        is_new: whether nothing was told yet.
    """

    place: Path
    levels: set[int] = field(default_factory=set)
    results: set[Path] = field(default_factory=set)
    members: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    offsets: dict[Path, int] = field(default_factory=dict)
    is_new: bool = True

    @property
    def works(self) -> list[WorkFolder]:
        """What an engine does for the run."""
        root = works_folder(self.place)
        found = sorted(root.iterdir()) if root.is_dir() else []
        return [WorkFolder(path) for path in found if (path / "work.json").is_file()]

    @property
    def is_running(self) -> bool:
        """Whether a process works on the run, or on a part of it."""
        if summarize(self.place).state == "running":
            return True
        return any(each.status().state in {"new", "running"} for each in self.works)

    @property
    def expects_more(self) -> bool:
        """Whether somebody will begin the works of an engine, or put together what they have done.

        Asked for before the folder is looked at: works go when what they did is in it.
        """
        bad = {"cancelled", "failed", "stopped"}
        has_ended = any(each.status().state in bad for each in self.works)
        return works_folder(self.place).is_dir() and not has_ended

    def state(self, of_folder: str) -> str:
        """How the run stands; `failed` where a work of an engine is."""
        states = {each.status().state for each in self.works}
        if of_folder == "finished" or not states:
            return of_folder
        return "failed" if "failed" in states else "stopped"

    def news(self) -> Iterator[Event]:
        """What was not told yet."""
        works = self.works
        for work in works:
            yield from self._work_events(work, alone=len(works) == 1)
        yield from self._new_levels()
        yield from self._new_results()
        if not works:
            yield from self._readings(read_live(self.place).get("members", ()), len(self.levels))
        self.is_new = False

    def _new_levels(self) -> Iterator[Event]:
        try:
            manifest = decode((self.place / "bundle" / MANIFEST).read_bytes())
        except (OSError, BundleError):
            return
        for level in manifest.levels:
            if level.index in self.levels or level.evidence is None:
                continue
            self.levels.add(level.index)
            yield {
                "event": "level",
                "index": level.index,
                "density": level.density,
                "test_accuracy": level.evidence.test_accuracy.mean,
                "early_stop": level.evidence.early_stop.mean,
                "resumed": self.is_new,
            }

    def _new_results(self) -> Iterator[Event]:
        """Of the networks of an experiment, and of each cell of a transfer."""
        for pattern in ("results/*/*.json", "cells/*/results/*/*.json"):
            for path in sorted(set(self.place.glob(pattern)) - self.results):
                from ticket_hub.transfer.result import read_result  # slow: it needs PyTorch

                try:
                    result = read_result(path)
                except RunError:  # as the next command for this run says
                    continue
                finally:
                    self.results.add(path)
                cell = path.parts[len(self.place.parts) + 1] if pattern.startswith("cells") else ""
                work = {"work": cell} if cell else {}
                yield {"event": "result", **result.facts, "resumed": self.is_new, **work}

    def _readings(self, members: Any, done: int) -> Iterator[Event]:  # noqa: ANN401 - any JSON value
        for each in members:
            before = self.members.get(each["member"])
            if before == each:
                continue
            self.members[each["member"]] = each
            facts = {name: value for name, value in each.items() if name != "time"}
            level = {"level": None if self.results else done}
            yield {"event": "progress", **level, **facts, "rate": _rate(before, each)}

    def _work_events(self, work: WorkFolder, *, alone: bool) -> Iterator[Event]:
        offset = self.offsets.get(work.path, 0)
        events, self.offsets[work.path] = read_progress(work.progress, offset)
        now = time.time()
        for event in events:
            if event["event"] not in {"level", "progress", "result", "notice"}:
                continue
            name = {} if alone else {"work": work.path.name}
            if event["event"] == "progress":
                key = f"{work.path.name} {event['member']}"
                before, each = self.members.get(key), event | {"time": now}
                self.members[key] = each
                event["rate"] = None if self.is_new else _rate(before, each)
            elif event["event"] in {"level", "result"}:
                event["resumed"] = self.is_new
                if alone and event["event"] == "level":
                    self.levels.add(event["index"])
            yield event | name


def _rate(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> float | None:
    """Iterations a second between two readings of a member."""
    if before is None or now["iteration"] <= before["iteration"] or now["time"] <= before["time"]:
        return None
    rate: float = (now["iteration"] - before["iteration"]) / (now["time"] - before["time"])
    return round(rate, 1)


def _verdicts(place: Path) -> Iterator[Event]:
    """What an experiment found, level by level."""
    for path in (place / EVIDENCE, *sorted(place.glob(f"cells/*/{EVIDENCE}"))):
        try:
            levels = json.loads(path.read_bytes())["levels"]
            told = [(each["level"], each["verdict"] or {}) for each in levels]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        work = {"work": path.parent.name} if path.parent != place else {}
        for level, verdict in told:
            said = {"verdict": verdict.get("word"), "reason": verdict.get("reason", "")}
            yield {"event": "verdict", "level": level, **said, **work}
