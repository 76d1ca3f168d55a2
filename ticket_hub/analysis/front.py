"""The library's front door to the analyses: from a ticket's name to a page on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.page import write_report
from ticket_hub.analysis.registry import ORDERS
from ticket_hub.analysis.running import AnalysisPlan, findings, plan_analyses
from ticket_hub.hub.address import PlaceLike
from ticket_hub.runs.resources import ResourceOptions, Resources, check_keywords

__all__ = ["AnalyzeResult", "analyze", "carry_out"]


@dataclass(frozen=True, kw_only=True, eq=False)
class AnalyzeResult:
    """What was found.

    Attributes:
        folder: with `analysis.html`, `analysis.json`, `figures` and `tables`.
        findings: one for each analysis and level.
        left_out: names of analyses that these tickets do not allow, each with the reason.
    """

    folder: Path
    findings: tuple[Finding, ...]
    left_out: tuple[tuple[str, str], ...]

    def of(self, analysis: str) -> tuple[Finding, ...]:
        """What one analysis found, by rising level."""
        return tuple(each for each in self.findings if each.analysis == analysis)


def analyze(
    place: PlaceLike,
    *,
    only: str | Sequence[str] = (),
    others: Sequence[PlaceLike] = (),
    trials: int | None = None,
    changes: Mapping[str, Any] | None = None,
    seed: int = 0,
    orders: int = ORDERS,
    hub: str | Path | None = None,
    folder: Path | str | None = None,
    on_finding: Callable[[Finding], None] | None = None,
    **resources: Unpack[ResourceOptions],
) -> AnalyzeResult:
    """Look into tickets, and write what is found as a page, figures, tables and JSON.

    The same call again reads what is there and makes the rest.

    Args:
        place: as `ticket_hub.retrain` takes it.
        only: one name or several of analyses (see `ticket_hub.analysis.analyses`), or `quick` or
            `training`; all of them by default, but `sanity`, which trains far more than the others.
        others: tickets of the same network whose masks are compared with these.
        trials: how many of the bundle's trials, from the first; all by default.
        changes: fields of the recipe that differ, `training.` only, for analyses that train:
            `{"training.iterations": 2000}`.
        seed: of data orders and of everything that is drawn.
        orders: in how many data orders `interpolation` trains each start; every two of them are a
            pair.
        hub: where to pull from: a folder, or the address of a server.
        folder: by default `analyses/RECIPE-DIGEST` under `TICKET_HOME`.
        on_finding: called with each finding when it is on disk.
        resources: for analyses that train: `device`, `workers`, `data_dir`, `observe`, `notify`,
            `should_stop`, `accept_environment` and `checkpoint_seconds`; see
            `ticket_hub.runs.Resources`.

    Raises:
        TicketNotFoundError: there is no such bundle or level.
        HubError: it cannot be pulled.
        RecipeError: an unknown analysis or key, or an impossible value.
        EvidenceError: an analysis that is named needs dense theta0, and there is none.
        TicketHubError: as `ticket_hub.analysis.findings`.
    """
    check_keywords(analyze, resources, Resources)
    plan = plan_analyses(
        place,
        only=only,
        others=others,
        trials=trials,
        changes=changes,
        seed=seed,
        orders=orders,
        hub=hub,
    )
    return carry_out(plan, Resources(**resources), folder=folder, on_finding=on_finding)


def carry_out(
    plan: AnalysisPlan,
    resources: Resources,
    *,
    folder: Path | str | None = None,
    on_finding: Callable[[Finding], None] | None = None,
) -> AnalyzeResult:
    """Do what a plan says; see `analyze`.

    Raises:
        TicketHubError: as `ticket_hub.analysis.findings`.
    """
    place = Path(folder) if folder else plan.folder
    made = []
    for finding in findings(plan, folder=place, resources=resources):
        made.append(finding)
        if on_finding is not None:
            on_finding(finding)
    write_report(plan, made, place)
    return AnalyzeResult(folder=place, findings=tuple(made), left_out=plan.left_out)
