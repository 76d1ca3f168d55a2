"""From a ticket's name to findings on disk: made one by one, or read when they are there."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub import home
from ticket_hub.analysis.folder import AnalysisFolder, Finding
from ticket_hub.analysis.registry import ORDERS, Analysis, chosen, naming
from ticket_hub.analysis.subject import Gym, Other, Subject
from ticket_hub.durable import canonical_json, sweep
from ticket_hub.environment import fingerprint
from ticket_hub.errors import EvidenceError, RecipeError
from ticket_hub.hub.address import PlaceLike, named_place
from ticket_hub.networks import outline
from ticket_hub.recipe import PartialRecipe, Recipe
from ticket_hub.recipe.tables import to_table
from ticket_hub.runs.lock import hold
from ticket_hub.runs.resources import Resources
from ticket_hub.transfer.source import Source, open_source

__all__ = ["AnalysisPlan", "findings", "plan_analyses"]

CHANGEABLE = "training."


@dataclass(frozen=True, kw_only=True)
class AnalysisPlan:
    """What would be analysed.

    Attributes:
        place: what the user named.
        source: the tickets.
        levels: pruned ones, dense first.
        trials: the bundle's trials.
        analyses: which.
        recipe: of the tickets, with the user's changes to its training; None where it is not
            known, and nothing can be trained.
        seed: of all that is drawn.
        others: tickets whose masks are compared with these.
        orders: in how many data orders `interpolation` trains each start.
        left_out: names of analyses that these tickets do not allow, each with the reason.
    """

    place: str
    source: Source
    levels: tuple[int, ...]
    trials: tuple[int, ...]
    analyses: tuple[Analysis, ...]
    recipe: Recipe | None
    seed: int = 0
    others: tuple[Other, ...] = ()
    orders: int = ORDERS
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def steps(self) -> tuple[tuple[Analysis, int], ...]:
        """Each analysis with each of its levels; the dense network is level 0."""
        return tuple(
            (analysis, level)
            for analysis in self.analyses
            for level in ((0,) if analysis.with_dense and self.is_dense else ()) + self.levels
        )

    def networks(self, analysis: Analysis) -> int:
        """How many are trained for one level of an analysis, at most."""
        tickets = 1 + len(self.others) if analysis.with_others else 1
        return analysis.networks_for(self.orders) * len(self.trials) * tickets

    @property
    def iterations(self) -> int:
        """Of each network that is trained; 1 where none can be."""
        return self.recipe.training.iterations if self.recipe else 1

    @property
    def is_dense(self) -> bool:
        """Whether the bundle has the dense theta0, and its search trained the dense network."""
        manifest = self.source.bundle.manifest
        return manifest.has_dense and manifest.level(0) is not None

    @property
    def folder(self) -> Path:
        """Where the results go unless another folder is named."""
        table = {
            "bundle": self.source.id,
            "trials": self.trials,
            "seed": self.seed,
            "training": to_table(self.recipe.training) if self.recipe else None,
            "others": [[other.source.id, other.level] for other in self.others],
        } | ({} if self.orders == ORDERS else {"orders": self.orders})
        digest = hashlib.sha256(canonical_json(table)).hexdigest()
        name = f"{self.source.bundle.manifest.recipe.name}-{digest[:12]}"
        return home.ticket_home() / "analyses" / name


def plan_analyses(
    place: PlaceLike,
    *,
    only: str | Sequence[str] = (),
    others: Sequence[PlaceLike] = (),
    trials: int | None = None,
    changes: Mapping[str, Any] | None = None,
    seed: int = 0,
    orders: int = ORDERS,
    hub: str | Path | None = None,
) -> AnalysisPlan:
    """Say what an analysis with these arguments would do, and refuse what cannot be.

    Raises:
        RecipeError: an unknown analysis or key, or an impossible value.
        EvidenceError: an analysis that is named needs the dense theta0, and there is none.
        TicketNotFoundError, HubError, BundleError: as `ticket_hub.transfer.source.open_source`.
    """
    if orders < ORDERS:
        raise RecipeError(f"{orders} data orders have no line between them.", "Ask for 2 or more.")
    wanted = chosen([only] if isinstance(only, str) else list(only))
    name = named_place(place)
    source, levels = open_source(name, hub)
    manifest, lost = source.bundle.manifest, {}
    for each in wanted:
        if each.needs_dense and manifest.theta0 != "dense":
            lost[each.name] = "it needs dense theta0, and this bundle has survivors only"
        elif each.trains and manifest.theta0 == "signs":
            lost[each.name] = "it trains from theta0, and this bundle has its signs only"
        elif each.trains and not isinstance(manifest.recipe, Recipe):
            lost[each.name] = "it trains as the search did, and how that was is not known"
    for analysis, reason in lost.items() if bool(only) else ():
        raise EvidenceError(
            f"The analysis {analysis!r} cannot be made: {reason}.",
            f"Leave out {analysis!r}, or take a bundle that has what it needs.",
        )
    allowed, left_out = tuple(each for each in wanted if each.name not in lost), tuple(lost.items())
    known = range(1, len(source.trials) + 1)
    if trials is not None and not (isinstance(trials, int) and trials in known):
        raise RecipeError(
            f"{trials} trials cannot be analysed: the tickets have {len(source.trials)}.",
            f"Ask for 1 to {len(source.trials)}.",
        )
    return AnalysisPlan(
        place=name,
        source=source,
        levels=levels,
        trials=source.trials[:trials],
        analyses=allowed,
        recipe=_changed(source.bundle.manifest.recipe, changes or {}),
        seed=seed,
        others=tuple(_other(named_place(other), source, hub) for other in others),
        orders=orders,
        left_out=left_out,
    )


def _changed(recipe: Recipe | PartialRecipe, changes: Mapping[str, Any]) -> Recipe | None:
    for key in changes:
        if not key.startswith(CHANGEABLE):
            raise RecipeError(
                f"{key} cannot be changed when a ticket is analysed.",
                "Change keys that begin with `training.`.",
            )
    if not isinstance(recipe, Recipe):
        return None
    return recipe.replace(changes) if changes else recipe


def _other(place: str, source: Source, hub: str | Path | None) -> Other:
    found, levels = open_source(place, hub)
    mine = outline(source.bundle.architecture).layers
    if outline(found.bundle.architecture).layers != mine:
        raise EvidenceError(
            f"{place} is of another network, so its masks cannot be compared.",
            "Name a ticket of the same network and the same data shape.",
        )
    if len(levels) > 1:
        raise RecipeError(f"{place} names several levels.", "Compare with one level at a time.")
    return Other(title=f"{place}", source=found, level=levels[0])


def findings(plan: AnalysisPlan, *, folder: Path, resources: Resources) -> Iterator[Finding]:
    """Yield what each analysis finds at each level; what is on disk is read, not made again.

    Killed at any moment and called again, it goes on where it was, also within training.

    Raises:
        RunLockedError: another process works in the folder.
        RunError: a file is damaged, or the folder holds something else.
        RunMismatchError: a result in the folder is of other tickets or settings.
        StoppedError: `resources.should_stop` became true; the same call goes on.
        BundleError, DataError, NetworkError, TrainingError, StorageError: as their names say.
    """
    place = AnalysisFolder(folder)
    place.refuse_strange()
    with hold(place.lock), contextlib.ExitStack() as stack:
        sweep(folder)
        gym = Gym(
            recipe=plan.recipe,
            architecture=plan.source.bundle.architecture,
            data_fingerprint=plan.source.bundle.manifest.data.fingerprint,
            folder=folder,
            resources=resources,
            stack=stack,
        )
        for analysis, level in plan.steps:
            yield _finding(
                analysis,
                Subject(
                    analysis=analysis.name,
                    source=plan.source,
                    level=level,
                    trials=plan.trials,
                    seed=plan.seed,
                    gym=gym,
                    settings=analysis.settings(gym.recipe) if analysis.trains else None,
                    others=plan.others if analysis.with_others else (),
                    orders=plan.orders if analysis.by_orders else ORDERS,
                ),
                place,
            )


def _finding(analysis: Analysis, subject: Subject, place: AnalysisFolder) -> Finding:
    known = place.read(analysis.name, subject.level, subject.identity, analysis.result)
    if known is not None:
        subject.gym.forget(subject.checkpoints)  # a process may have been killed before it did
        return known
    with naming(analysis):
        result = analysis.compute(subject)
        environment = subject.gym.environment if analysis.trains else fingerprint()
        made = Finding(
            analysis=analysis.name,
            level=subject.level,
            density=subject.density,
            identity=subject.identity,
            environment=environment,
            result=result,
        )
        place.write(made)
    subject.gym.forget(subject.checkpoints)
    return made
