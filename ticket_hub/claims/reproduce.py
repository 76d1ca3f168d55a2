"""Carry a claim out: find and retrain what it needs, compare, and say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from ticket_hub import analysis, facade, home
from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.running import AnalysisPlan, plan_analyses
from ticket_hub.bundle import Manifest, open_bundle
from ticket_hub.bundle.reproduction_reading import read_reproduction
from ticket_hub.bundle.reproduction_record import SMOKE_BUDGET, ComparedTickets, ReproductionRecord
from ticket_hub.claims.claim import Claim
from ticket_hub.claims.evidence import (
    ClaimEvidence,
    check_densities,
    check_measures,
    level_of,
    unit_of,
)
from ticket_hub.claims.packaged import load_claim
from ticket_hub.claims.parts import Experiment, Inspection
from ticket_hub.claims.rule import Decided, Outcome, decide
from ticket_hub.comparison.studies import (
    Study,
    bundle_study,
    experiment_study,
)
from ticket_hub.durable import write_bytes, write_json
from ticket_hub.environment import fingerprint
from ticket_hub.errors import RecipeError
from ticket_hub.recipe import Recipe, load_recipe
from ticket_hub.recipe.tables import to_table
from ticket_hub.registry import nearest as nearest_name
from ticket_hub.report.statements import statements_figure
from ticket_hub.report.style import png
from ticket_hub.runs.file_names import REPRODUCTION
from ticket_hub.runs.resources import ResourceOptions, Resources, check_keywords
from ticket_hub.search import FindResult
from ticket_hub.search.forecast import forecast
from ticket_hub.search.pretrained import pinned
from ticket_hub.table import finite
from ticket_hub.transfer.planning import Plan, plan
from ticket_hub.transfer.retraining import carry_out
from ticket_hub.transfer.stored import read_experiment
from ticket_hub.transfer.terms import Terms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BUDGET", "FIGURE", "Follow", "Reproduction", "Work", "recipes_of", "reproduce"]

BUDGET = "cpu"
FIGURE = "statements.png"
FORMAT = 1

Work: TypeAlias = Recipe | Plan | AnalysisPlan
Follow: TypeAlias = Callable[[Work], AbstractContextManager[Mapping[str, Any]]]
"""Shows a search, an experiment or an analysis while it goes on: gives the keywords `observe` and
`notify`, and `on_level`, `on_result` or `on_finding`; see `ticket_hub.find`, `ticket_hub.retrain`
and `ticket_hub.analyze`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reproduction:
    """What became of a claim.

    Attributes:
        claim: that was tried.
        budget: its name.
        seed: of the first trial.
        outcome: see `ticket_hub.claims.rule`.
        decided: each statement with what was measured.
        studies: the searches and experiments, by their names in the claim.
        findings: what the analyses found, by their names in the claim.
        tickets: by search, those that were compared.
        bundles: of the searches, by their names in the claim.
        runs: the folders of all of them.
        folder: with `reproduction.json` and `statements.png`.
    """

    claim: Claim
    budget: str
    seed: int
    outcome: Outcome
    decided: tuple[Decided, ...]
    studies: Mapping[str, Study]
    findings: Mapping[str, tuple[Finding, ...]]
    tickets: Mapping[str, ComparedTickets]
    bundles: Mapping[str, Path]
    runs: Mapping[str, Path]
    folder: Path

    def figure(self, *, width: float = 7.0) -> Figure:
        """What each statement came to, beside its bound and what was published."""
        return statements_figure(self.record, width=width)

    @property
    def record(self) -> ReproductionRecord:
        """The same as others read it."""
        return read_reproduction(finite(self.to_table()))

    def to_table(self) -> dict[str, Any]:
        """Plain JSON values, format 1; see `docs/commands/reproduce.md`."""
        return {
            "format": FORMAT,
            "claim": self.claim.to_table(),
            "digest": self.claim.digest,
            "budget": self.budget,
            "seed": self.seed,
            "outcome": self.outcome,
            "statements": [
                asdict(each.statement)
                | {
                    "unit": unit_of(each.statement),
                    "measured": asdict(each.interval),
                    "confidence": each.contrast.confidence,
                    "pairing": each.contrast.pairing,
                    "method": each.contrast.method,
                    "n": [each.contrast.n, each.contrast.n_other],
                    "tickets": [each.contrast.tickets, each.contrast.tickets_other],
                    "draws": [each.contrast.draws, each.contrast.draws_other],
                    "densities": [each.density, each.density_other],
                    "shown": each.shown,
                    "opposed": each.opposed,
                }
                for each in self.decided
            ],
            "tickets": {name: to_table(each) for name, each in self.tickets.items()},
            "runs": {name: str(path) for name, path in self.runs.items()},
            "ids": {name: study.id for name, study in self.studies.items()},
            "environment": fingerprint(),
        }


def recipes_of(claim: Claim, budget: str = BUDGET, seed: int = 0) -> dict[str, Recipe]:
    """The recipe of each search of a claim at a budget.

    Raises:
        RecipeError: there is no such budget, recipe, key or value.
    """
    if budget not in claim.budgets:
        raise RecipeError(
            f"The claim {claim.name} has no budget {budget[:80]!r}.",
            f"The nearest is {nearest_name(budget, sorted(claim.budgets))!r}.",
        )
    given = dict(claim.budgets[budget])
    own = {name: given.pop(name, {}) for name in claim.searches}
    common = {"search.seed": seed} | given
    return {
        # The claim's own changes last: a budget says how long and how often, and not what is
        # claimed.
        name: load_recipe(search.recipe).replace(common | own[name] | dict(search.changes))
        for name, search in claim.searches.items()
    }


def reproduce(
    claim: Claim | Path | str | int,
    *,
    budget: str = BUDGET,
    seed: int = 0,
    folder: Path | str | None = None,
    tell: Callable[[str], object] = lambda _: None,
    follow: Follow = lambda _: nullcontext({}),
    **resources: Unpack[ResourceOptions],
) -> Reproduction:
    """Try a claim. The same call again goes on, and claims share the searches they have in common.

    Args:
        claim: a claim, the name or number of a packaged one, or the path of a .toml file.
        budget: how long and how often to train: a name that the claim has.
        seed: of the first trial, and of all that experiments and analyses draw.
        folder: for `reproduction.json` and `statements.png`; by default
            `reproductions/NAME-BUDGET-SEED` under `TICKET_HOME`. Searches and experiments lie among
            the runs, as those of `find`.
        tell: told in a sentence what is begun.
        follow: shows how far it is.
        resources: as `ticket_hub.find`.

    Raises:
        RecipeError: there is no such claim, budget, recipe, key or value.
        EvidenceError: a side of a comparison was not trained.
        TicketHubError: as `ticket_hub.find` and `ticket_hub.retrain`.
    """
    check_keywords(reproduce, resources, Resources)
    wanted = load_claim(claim)
    check_measures(wanted)
    recipes = recipes_of(wanted, budget, seed)
    _check_levels(wanted, recipes, resources)
    done = _carry_out(wanted, recipes, tell, follow, resources)
    outcome, decided = decide(
        wanted.statements, done.contrast, done.densities, smoke=budget == SMOKE_BUDGET
    )
    usual = home.ticket_home() / "reproductions" / f"{wanted.name}-{budget}-{seed}"
    place = Path(folder) if folder else usual
    result = Reproduction(
        claim=wanted,
        budget=budget,
        seed=seed,
        outcome=outcome,
        decided=decided,
        studies=done.studies,
        findings=done.findings,
        tickets={
            name: _compared(wanted, name, done.studies[name], open_bundle(bundle).manifest)
            for name, bundle in done.bundles.items()
        },
        bundles=done.bundles,
        runs=done.runs,
        folder=place,
    )
    place.mkdir(parents=True, exist_ok=True)
    write_json(place / REPRODUCTION, finite(result.to_table()))
    write_bytes(place / FIGURE, png(result.figure()))
    return result


def _check_levels(claim: Claim, recipes: Mapping[str, Recipe], given: ResourceOptions) -> None:
    """Refuse what a dry run of each search shows to be in vain."""
    data_dir = given.get("data_dir")
    for name, unpinned in recipes.items():
        recipe = pinned(unpinned, data_dir)
        run = home.runs_folder() / recipe.run_name
        planned = forecast(recipe, run, data_dir=data_dir, device=given.get("device"))
        if recipe.search.stop_below_dense is None and planned.is_exact:
            check_densities(claim, name, [each / planned.kept[0] for each in planned.kept[1:]])


def _carry_out(
    claim: Claim,
    recipes: Mapping[str, Recipe],
    tell: Callable[[str], object],
    follow: Follow,
    resources: ResourceOptions,
) -> ClaimEvidence:
    """Train and analyse what a claim needs."""
    done = ClaimEvidence()
    found: dict[str, FindResult] = {}
    for name, recipe in recipes.items():
        tell(f"{name}: searching by {recipe.name} (recipe {recipe.digest[:12]}).")
        with follow(recipe) as shown:
            found[name] = facade.find(recipe, shared_with=_runs(), **{**resources, **shown})
        done.runs[name], done.bundles[name] = found[name].run, found[name].bundle
        done.studies[name] = bundle_study(open_bundle(found[name].bundle), name=name)
    for name, experiment in claim.experiments.items():
        tell(f"{name}: training tickets of {experiment.tickets} beside {_listed(experiment)}.")
        tickets = found[experiment.tickets]
        wanted = _planned(experiment, tickets, done.studies[experiment.tickets])
        with follow(wanted) as shown:
            given = {**resources, **shown}
            on_result = given.pop("on_result", None)
            done.runs[name] = carry_out(wanted, Resources(**given), on_result=on_result).run
        done.studies[name] = experiment_study(read_experiment(done.runs[name]), name=name)
    for name, inspection in claim.analyses.items():
        tell(f"{name}: analysing {inspection.only} of tickets of {inspection.tickets}.")
        tickets = found[inspection.tickets]
        place = _levels(tickets, done.studies[inspection.tickets], inspection)
        asked = plan_analyses(place, only=[inspection.only], seed=tickets.recipe.search.seed)
        with follow(asked) as shown:
            given = {**resources, **shown}
            on_finding = given.pop("on_finding", None)
            made = analysis.carry_out(asked, Resources(**given), on_finding=on_finding)
        done.findings[name], done.runs[name] = made.findings, made.folder
    return done


def _runs() -> list[Path]:
    """All that lie where searches of claims do: they have levels in common."""
    place = home.runs_folder()
    return sorted(path for path in place.iterdir() if path.is_dir()) if place.is_dir() else []


def _compared(claim: Claim, name: str, study: Study, manifest: Manifest) -> ComparedTickets:
    """The tickets of a search at every density that the claim names of it."""
    levels = sorted({level_of(study, each).level for each in claim.densities_of(name)})
    records = [found for level in levels if (found := manifest.level(level))]
    return ComparedTickets(
        bundle=manifest.id,
        levels={str(each.index): tuple(one.id for one in each.tickets) for each in records},
    )


def _listed(experiment: Experiment) -> str:
    return ", ".join(experiment.against)


def _planned(experiment: Experiment, found: FindResult, tickets: Study) -> Plan:
    """All levels by one call: what was asked for at once is on record together."""
    terms = Terms(
        against=experiment.against,
        trials=found.recipe.search.trials,
        # Another try draws other orders and other controls, too: two tries have nothing in common.
        seed=found.recipe.search.seed,
        changes=experiment.changes,
        reinits=experiment.reinits,
    )
    place = _levels(found, tickets, experiment)
    return plan(place, terms, dataset=experiment.dataset or None)


def _levels(found: FindResult, tickets: Study, part: Experiment | Inspection) -> str:
    """The address of the levels that a part of a claim names by their densities."""
    levels = [str(level_of(tickets, density).level) for density in part.densities]
    return f"{found.bundle}:{','.join(levels)}"
