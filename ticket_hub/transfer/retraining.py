"""The library's front door to an experiment: from a ticket's name to a verdict on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub.bundle import Bundle
from ticket_hub.durable import write_bytes, write_json
from ticket_hub.search.folder import RunFolder
from ticket_hub.search.workshop import Resources
from ticket_hub.training import Progress
from ticket_hub.transfer.evidence import LevelEvidence, judge_levels, record
from ticket_hub.transfer.experiment import experiment
from ticket_hub.transfer.folder import ExperimentFolder
from ticket_hub.transfer.lineup import scope_of
from ticket_hub.transfer.planning import Plan, Terms, plan
from ticket_hub.transfer.result import Result
from ticket_hub.transfer.shared import SharedNetworks
from ticket_hub.transfer.spec import FINETUNE, TICKET, ExperimentSpec
from ticket_hub.transfer.tables import csv_text, markdown

__all__ = ["RetrainResult", "carry_out", "retrain", "tickets_of"]


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


def retrain(
    place: str | Path,
    *,
    dataset: str | None = None,
    against: Sequence[str] = ("reinit", "dense"),
    trials: int | None = None,
    changes: Mapping[str, Any] | None = None,
    head: str = "auto",
    images: str = "resize",
    seed: int = 0,
    hub: str | Path | None = None,
    own: str | Path | None = None,
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
        images: what becomes of images of another size; see `ticket_hub.transfer.images`.
        seed: of the data orders and of everything that controls draw.
        hub: where to pull from: a folder, or the address of a server.
        own: the target's own ticket, for the control `own`: as `place`, found on the same data by
            the same network. The level with the nearest density is taken unless it names one.
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
        EvidenceError: a control needs dense theta0, and the bundle has survivors only; or the
            target's own ticket is of another network, other data, or another density.
        TicketHubError: as `ticket_hub.transfer.experiment`.
    """
    terms = Terms(
        against=against,
        trials=trials,
        changes=changes,
        head=head,
        images=images,
        seed=seed,
        hub=hub,
    )
    resources = Resources(
        data_dir=data_dir,
        device=device,
        workers=workers,
        observe=observe,
        should_stop=should_stop,
        accept_environment=accept_environment,
    )
    wanted = plan(place, terms, dataset=dataset, own=own)
    return carry_out(wanted, resources, who=who, run_folder=run_folder, on_result=on_result)


def carry_out(
    wanted: Plan,
    resources: Resources,
    *,
    who: str = "",
    run_folder: Path | str | None = None,
    on_result: Callable[[Result], None] | None = None,
    shared: SharedNetworks | None = None,
) -> RetrainResult:
    """Do what a plan says; see `retrain`, and for `shared` `ticket_hub.transfer.experiment`.

    Raises:
        TicketHubError: as `ticket_hub.transfer.experiment`.
    """
    folder = Path(run_folder) if run_folder else wanted.run_folder
    results = []
    for result in experiment(
        wanted.source,
        wanted.spec,
        wanted.request,
        run_folder=folder,
        resources=resources,
        own=wanted.own,
        shared=shared,
    ):
        results.append(result)
        if on_result is not None:
            on_result(result)
    levels = judge_levels(results)
    _write(folder, wanted, levels, who)
    return RetrainResult(run=folder, spec=wanted.spec, levels=tuple(levels))


def _write(folder: Path, wanted: Plan, levels: Sequence[LevelEvidence], who: str) -> None:
    header = ExperimentFolder(folder).open(wanted.spec)
    assert header is not None, "results are written after the header"
    environment, exact = RunFolder(folder).read_environment()
    about: dict[str, Any] = {
        "who": who,
        "environment": environment,
        "bit_exact": exact,
        "tickets": tickets_of(wanted.source.bundle) | {"pulled": wanted.source.pulled},
        "request": vars(wanted.request),
        "budgets": _budgets(wanted),
    }
    if wanted.own is not None:
        own = wanted.own
        about["own"] = tickets_of(own.source.bundle) | {
            "pulled": own.source.pulled,
            "levels": {str(level): each for level, each in own.levels.items()},
        }
    write_json(folder / "evidence.json", record(levels, header, about))
    write_bytes(folder / "comparisons.csv", csv_text(levels).encode())
    write_bytes(folder / "comparisons.md", markdown(levels).encode())


def _budgets(wanted: Plan) -> dict[str, Any]:
    """How many iterations each kind of network may train, and how `finetune` is pruned."""
    whole = wanted.spec.training.iterations
    found: dict[str, Any] = dict.fromkeys((TICKET, *wanted.request.controls), whole)
    if FINETUNE in found:
        scope = scope_of(wanted.source)
        found[FINETUNE] = {
            "dense": whole,
            "pruned": whole,
            "criterion": "magnitude",
            "scope": scope,
        }
    return found


def tickets_of(bundle: Bundle) -> dict[str, Any]:
    """What a record says of the tickets of a bundle."""
    manifest = bundle.manifest
    return {
        "bundle": manifest.id,
        "network": manifest.architecture.name,
        "found_on": manifest.data.name,
        "recipe": manifest.recipe.name,
        "recipe_digest": manifest.recipe.digest,
    }
