"""The library's front door to an experiment: from a ticket's name to a verdict on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from ticket_hub import home
from ticket_hub.bundle import Bundle
from ticket_hub.durable import write_bytes, write_json
from ticket_hub.errors import RecipeError
from ticket_hub.recipe import Recipe
from ticket_hub.search.folder import RunFolder
from ticket_hub.search.workshop import Resources
from ticket_hub.specs import UNKNOWN
from ticket_hub.training import Progress
from ticket_hub.transfer.controls import check_controls
from ticket_hub.transfer.evidence import LevelEvidence, judge_levels, record
from ticket_hub.transfer.experiment import experiment
from ticket_hub.transfer.folder import ExperimentFolder
from ticket_hub.transfer.result import Result
from ticket_hub.transfer.source import Source, open_source
from ticket_hub.transfer.spec import ExperimentSpec, HeadPolicy, Request
from ticket_hub.transfer.tables import csv_text, markdown

__all__ = ["Plan", "RetrainResult", "carry_out", "plan", "retrain"]

TRIALS = 5
CHANGEABLE = ("training.", "data.")
NEEDED = (
    "training.iterations",
    "training.batch_size",
    "training.optimizer",
    "training.lr",
    "training.evaluate_every",
)
"""What must be said where a recipe is not known."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would be trained.

    Attributes:
        source: the tickets.
        spec: what decides every result.
        request: levels, controls and trials.
    """

    source: Source
    spec: ExperimentSpec
    request: Request

    @property
    def run_folder(self) -> Path:
        """Where it is done unless another folder is named."""
        return home.runs_folder() / self.spec.run_name


@dataclass(frozen=True, kw_only=True, eq=False)
class RetrainResult:
    """A finished experiment.

    Attributes:
        run: its folder, with `evidence.json`, `comparisons.csv` and `comparisons.md`.
        spec: what was done.
        levels: the evidence, level by level.
    """

    run: Path
    spec: ExperimentSpec
    levels: tuple[LevelEvidence, ...]


def plan(
    place: str | Path,
    *,
    dataset: str | None = None,
    against: Sequence[str] = ("reinit", "dense"),
    trials: int | None = None,
    changes: Mapping[str, Any] | None = None,
    head: str = "auto",
    seed: int = 0,
    hub: str | Path | None = None,
) -> Plan:
    """Say what `retrain` with these arguments would train, and refuse what cannot be.

    Raises:
        RecipeError: an unknown control, policy or key, or an impossible value.
        TicketNotFoundError, BundleError: as `retrain`.
    """
    check_controls(list(against))
    _check(head, against, trials)
    source, levels = open_source(str(place), hub)
    recipe = _target(source.bundle.manifest.recipe, dataset, changes or {})
    spec = ExperimentSpec(
        network=recipe.network,
        theta0=source.theta0,
        data=recipe.data,
        training=recipe.training,
        head=cast("HeadPolicy", head),
        seed=seed,
        init_seed=recipe.search.seed,
    )
    controls = tuple(dict.fromkeys(against))
    request = Request(levels=levels, controls=controls, trials=trials or TRIALS)
    return Plan(source=source, spec=spec, request=request)


def retrain(
    place: str | Path,
    *,
    dataset: str | None = None,
    against: Sequence[str] = ("reinit", "dense"),
    trials: int | None = None,
    changes: Mapping[str, Any] | None = None,
    head: str = "auto",
    seed: int = 0,
    hub: str | Path | None = None,
    who: str = "",
    run_folder: Path | str | None = None,
    data_dir: Path | str | None = None,
    device: str | None = None,
    workers: int | None = None,
    on_result: Callable[[Result], None] | None = None,
    observe: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    accept_environment: bool = False,
) -> RetrainResult:
    """Train tickets beside their controls and judge them. The same call again resumes.

    Args:
        place: `FOLDER[:level]`, `RUN[:level]`, `RECIPE[:level]`, or `owner/name[@revision][:level]`
            of a hub, which is pulled; the level is a number, several (`3,7,11`), a density
            (`d0.036`), `all`, or `best`, the default.
        dataset: what to train on; by default what the tickets were found on.
        against: the controls; see `ticket_hub.transfer.controls`.
        trials: repetitions, 5 by default; with more than the bundle has, its tickets are taken
            again with other data orders.
        changes: fields of the recipe that differ, `training.` and `data.` only:
            `{"training.iterations": 20000}`.
        head: what becomes of the output layer; see `ticket_hub.transfer.head`.
        seed: of the data orders and of everything that controls draw.
        hub: where to pull from: a folder, or the address of a server.
        who: whose evidence this is, for the record.
        run_folder: by default `runs/retrain-DATA-DIGEST` under `TICKET_HOME`. More levels,
            controls or trials go on in the same folder.
        on_result: called with each result when its group is on disk.
        data_dir, device, workers, observe, should_stop, accept_environment: as in
            `ticket_hub.search.search`.

    Raises:
        TicketNotFoundError: there is no such bundle or level.
        HubError: it cannot be pulled.
        RecipeError: an unknown control, policy or key, or an impossible value.
        EvidenceError: a control needs dense theta0, and the bundle has survivors only.
        TicketHubError: as `ticket_hub.transfer.experiment`.
    """
    wanted = plan(
        place,
        dataset=dataset,
        against=against,
        trials=trials,
        changes=changes,
        head=head,
        seed=seed,
        hub=hub,
    )
    return carry_out(
        wanted,
        who=who,
        run_folder=run_folder,
        data_dir=data_dir,
        device=device,
        workers=workers,
        on_result=on_result,
        observe=observe,
        should_stop=should_stop,
        accept_environment=accept_environment,
    )


def carry_out(
    wanted: Plan,
    *,
    who: str = "",
    run_folder: Path | str | None = None,
    data_dir: Path | str | None = None,
    device: str | None = None,
    workers: int | None = None,
    on_result: Callable[[Result], None] | None = None,
    observe: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    accept_environment: bool = False,
) -> RetrainResult:
    """Do what a plan says; see `retrain`."""
    folder = Path(run_folder) if run_folder else wanted.run_folder
    resources = Resources(
        data_dir=Path(data_dir) if data_dir else home.data_folder(),
        device=device,
        workers=workers,
        observe=observe,
        should_stop=should_stop,
        accept_environment=accept_environment,
    )
    results = []
    for result in experiment(
        wanted.source, wanted.spec, wanted.request, run_folder=folder, resources=resources
    ):
        results.append(result)
        if on_result is not None:
            on_result(result)
    levels = judge_levels(results)
    _write(folder, wanted, levels, who)
    return RetrainResult(run=folder, spec=wanted.spec, levels=tuple(levels))


def _target(recipe: Recipe, dataset: str | None, changes: Mapping[str, Any]) -> Recipe:
    """The recipe of the target: its own data and training, the ticket's network."""
    for key in changes:
        if not key.startswith(CHANGEABLE):
            raise RecipeError(
                f"{key} cannot be changed when a ticket is trained: network and mask are given.",
                "Change keys that begin with `training.` or `data.`.",
            )
    _check_known(recipe, dataset, changes)
    given = {"data.name": dataset} if dataset else {}
    return recipe.replace({"search.rewind": "init"} | given | dict(changes))


def _check_known(recipe: Recipe, dataset: str | None, changes: Mapping[str, Any]) -> None:
    """Placeholders of a recipe that nobody knows are never trained with."""
    if recipe.data.name != UNKNOWN:
        return
    missing = [key for key in NEEDED if key not in changes]
    if missing or not (dataset or "data.name" in changes):
        raise RecipeError(
            "How this ticket was found is not known, so its recipe has only placeholders.",
            "Import it with a recipe (`ticket import ... --recipe NAME`), or name the data with "
            f"--dataset and set {', '.join(missing or NEEDED)}.",
        )


def _check(head: str, against: Sequence[str], trials: int | None) -> None:
    if head not in get_args(HeadPolicy):
        raise RecipeError(
            f"There is no head policy {head!r}.", f"Choose {', '.join(get_args(HeadPolicy))}."
        )
    if not against:
        raise RecipeError("There is no control to compare with.", "Name at least one, as `reinit`.")
    if trials is not None and trials < 1:
        raise RecipeError(f"There cannot be {trials} trials.", "Train at least three.")


def _write(folder: Path, wanted: Plan, levels: Sequence[LevelEvidence], who: str) -> None:
    header = ExperimentFolder(folder).open(wanted.spec)
    assert header is not None, "results are written after the header"
    environment, exact = RunFolder(folder).read_environment()
    about = {
        "who": who,
        "environment": environment,
        "bit_exact": exact,
        "tickets": _tickets(wanted.source.bundle) | {"pulled": wanted.source.pulled},
        "request": vars(wanted.request),
    }
    write_json(folder / "evidence.json", record(levels, header, about))
    write_bytes(folder / "comparisons.csv", csv_text(levels).encode())
    write_bytes(folder / "comparisons.md", markdown(levels).encode())


def _tickets(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    return {
        "bundle": manifest.id,
        "network": manifest.architecture.name,
        "found_on": manifest.data.name,
        "recipe": manifest.recipe.name,
        "recipe_digest": manifest.recipe.digest,
    }
