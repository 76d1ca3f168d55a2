"""Groups of networks that are trained together, as steps that a watcher shows."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub.errors import EvidenceError
from ticket_hub_cli.output import percent
from ticket_hub_cli.pace import Pace
from ticket_hub_cli.progress import Watcher, showing

if TYPE_CHECKING:
    from ticket_hub.analysis.folder import Finding
    from ticket_hub.analysis.running import AnalysisPlan
    from ticket_hub.runs import Log
    from ticket_hub.transfer.planning import Plan
    from ticket_hub.transfer.result import Result

__all__ = ["Steps", "TrainedGroup", "analysing", "finish_log", "pace_of", "stepping"]


@dataclass(frozen=True)
class TrainedGroup:
    """What is trained together.

    Attributes:
        size: number of networks.
        about: begins the sentence that sums them up.
    """

    size: int
    about: str = ""


def pace_of(groups: Sequence[TrainedGroup], iterations: int) -> Pace:
    """Counts groups, of which several may be trained at once."""
    mean = sum(group.size for group in groups) / len(groups)
    return Pace(mean, len(groups), iterations, unit="group")


class Steps:
    """Tells the watcher when the last network of a group is on disk, and the log of each."""

    def __init__(
        self, pace: Pace, watcher: Watcher, groups: Iterable[TrainedGroup], log: Log
    ) -> None:
        self.pace, self.watcher, self.groups, self.log = pace, watcher, iter(groups), log
        self.group = next(self.groups)
        self.taken: list[Result] = []

    def take(self, result: Result) -> None:
        """One more network is on disk."""
        self.taken.append(result)
        work = {"work": self.group.about.rstrip(", ")} if self.group.about else {}
        self.log.tell("result", **result.facts, **work)
        if len(self.taken) == self.group.size:
            # Such as `level 7 (21.07% of weights): ticket 98.31%, reinit 97.90%`.
            first = self.taken[0]
            means = {
                name: [each.accuracy for each in self.taken if each.control == name]
                for name in dict.fromkeys(each.control for each in self.taken)
            }
            texts = [f"{name} {percent(sum(some) / len(some))}" for name, some in means.items()]
            origin = " (from disk)" if all(each.resumed for each in self.taken) else ""
            level = f"level {first.level} ({percent(first.density)} of weights)"
            self.watcher.step(f"{self.group.about}{level}: {', '.join(texts)}{origin}")
            self.group, self.taken = next(self.groups, TrainedGroup(0)), []


@contextlib.contextmanager
def stepping(wanted: Plan, log: Log, *, quiet: bool) -> Iterator[tuple[Watcher, Steps]]:
    """Show an experiment group by group, on stderr."""
    groups = [TrainedGroup(len(group)) for group in wanted.request.groups()]
    pace = pace_of(groups, wanted.spec.training.iterations)
    with showing(pace, stream=sys.stderr, quiet=quiet, log=log) as watcher:
        yield watcher, Steps(pace, watcher, groups, log)


@contextlib.contextmanager
def analysing(
    plan: AnalysisPlan, *, quiet: bool
) -> Iterator[tuple[Watcher, Callable[[Finding], None]]]:
    """Show analyses one by one, on stderr; what is given beside the watcher takes the findings."""
    sizes = [max(1, plan.networks(analysis)) for analysis, _ in plan.steps]
    pace = Pace(sizes[0], len(sizes), plan.iterations, unit="analysis")
    with showing(pace, stream=sys.stderr, quiet=quiet) as watcher:

        def take(finding: Finding) -> None:
            """Show a finding that is done."""
            origin = " (from disk)" * finding.resumed
            watcher.step(f"{finding.analysis}, level {finding.level}{origin}")
            pace.trials = sizes[min(pace.present, len(sizes) - 1)]

        yield watcher, take


def finish_log(log: Log, run: Path) -> None:
    """Tell the log that all is done, with figures of the run for whoever takes them."""
    figures: list[Path] = []
    if log.takes_figures:
        from ticket_hub.report.runs import report_run

        with contextlib.suppress(EvidenceError):  # nothing was measured
            figures = report_run(run, forms=["png"])
    log.finish(figures)
