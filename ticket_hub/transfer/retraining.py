"""The library's front door to an experiment: from a ticket's name to a verdict on disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from ticket_hub.bundle import Bundle
from ticket_hub.bundle.needed_plugins import needed_plugins
from ticket_hub.durable import write_bytes, write_json
from ticket_hub.evidence import Rule
from ticket_hub.evidence.rows import rows_table
from ticket_hub.hub.address import PlaceLike
from ticket_hub.recipe.experiment_spec import start_note
from ticket_hub.recipe.tables import to_table
from ticket_hub.runs.file_names import EVIDENCE
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.live_progress import telling
from ticket_hub.runs.resources import Resources
from ticket_hub.showing import Shown, View
from ticket_hub.table import Table
from ticket_hub.transfer.budgets import budgets_of, totals_of
from ticket_hub.transfer.experiment import experiments
from ticket_hub.transfer.folder import ExperimentFolder
from ticket_hub.transfer.level_evidence import (
    LevelEvidence,
    judge_experiments,
    notes_of,
    p_values,
    record,
)
from ticket_hub.transfer.planning import Plan, plan
from ticket_hub.transfer.result import Result
from ticket_hub.transfer.shared import SharedNetworks
from ticket_hub.transfer.spec import ExperimentSpec
from ticket_hub.transfer.tables import EvidenceRow, csv_text, markdown, rows
from ticket_hub.transfer.terms import ExperimentOptions, split_options

__all__ = ["RetrainResult", "carry_out", "judge_together", "retrain", "tickets_of", "train"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RetrainResult(Shown):
    """A finished experiment.

    Attributes:
        run: its folder, with `evidence.json`, `comparisons.csv` and `comparisons.md`.
        spec: what was done.
        levels: the evidence, level by level.
        rule: by what it was judged.
        test_examples: that accuracies are of; None in folders that do not say.
        iterations_in_all: of each network, those behind its starting weights too.
    """

    run: Path
    spec: ExperimentSpec
    levels: tuple[LevelEvidence, ...]
    rule: Rule
    test_examples: int | None
    iterations_in_all: Mapping[str, int]

    def __fspath__(self) -> str:
        """Its folder, so that it stands for that wherever a path does."""
        return str(self.run)

    def _view(self) -> View:
        words = ", ".join(
            f"level {each.level} {each.verdict.word or 'none'}" for each in self.levels
        )
        return View(
            title=f"tickets beside their controls on {self.spec.data_name}",
            facts={"verdict:": words, "run": self.run},
            table=rows_table(rows(self.levels)),
            values=Table.of_fields(EvidenceRow, rows(self.levels)),
            code=f"ticket_hub.report_run({str(self.run)!r})",
            notes=tuple(f"Level {each.level}: {each.verdict.reason}" for each in self.levels),
        )


def retrain(
    place: PlaceLike,
    *,
    dataset: object = None,
    own: PlaceLike | None = None,
    who: str = "",
    run_folder: Path | str | None = None,
    on_result: Callable[[Result], None] | None = None,
    **options: Unpack[ExperimentOptions],
) -> RetrainResult:
    """Train tickets beside their controls and judge them. The same call again resumes.

    Args:
        place: `FOLDER[:level]`, `RUN[:level]`, `RECIPE[:level]`, or `owner/name[@revision][:level]`
            of a hub, which is pulled; the level is a number, several (`3,7,11`), a density
            (`d0.036`), `all`, or `best`, the default.
        dataset: what to train on: a name, or examples as `ticket_hub.find` takes them; by default
            what the tickets were found on. Of examples a tenth is held out unless `changes` says
            otherwise.
        own: the target's own ticket, for the control `own`: as `place`, found on the same data by
            the same network. The level with the nearest density is taken unless it names one.
        who: whose evidence this is, for the record.
        run_folder: by default `runs/retrain-DATA-DIGEST-RECIPE` under `TICKET_HOME`. More levels,
            controls or trials go on in the same folder.
        on_result: called with each result when its group is on disk.
        options: what is asked for, `against`, `trials`, `changes`, `head`, `images`, `seed`,
            `fresh`, `margin`, `alpha` and `hub`: see `ticket_hub.transfer.terms.Terms`; and what
            training may use, `device`, `workers`, `data_dir`, `observe`, `notify`, `should_stop`,
            `accept_environment` and `checkpoint_seconds`: see `ticket_hub.runs.Resources`.

    Raises:
        TicketNotFoundError: there is no such bundle or level.
        HubError: it cannot be pulled.
        RecipeError: an unknown control, policy or key, or an impossible value.
        EvidenceError: a control needs dense theta0, and the bundle has survivors only; or the
            target's own ticket is of another network, other data, or another density.
        TicketHubError: as `ticket_hub.transfer.experiment.experiments`.
    """
    terms, resources = split_options(retrain, options)
    wanted = plan(place, terms, dataset=dataset, own=own, data_dir=resources.data_dir)
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
    """Do what a plan says; see `retrain`, and for `shared` `train`.

    Raises:
        TicketHubError: as `ticket_hub.transfer.experiment.experiments`.
    """
    folder = Path(run_folder) if run_folder else wanted.run_folder
    places = [(wanted, folder)]
    with telling(folder, resources) as given:
        results = train(places, given, on_result=on_result, shared=shared)
    ((levels, header),) = judge_together(places, results, who=who)
    return RetrainResult(
        run=folder,
        spec=wanted.spec,
        levels=tuple(levels),
        rule=wanted.request.rule,
        test_examples=header["data"].get("test_examples"),
        iterations_in_all=totals_of(budgets_of(wanted)),
    )


def train(
    places: Sequence[tuple[Plan, Path]],
    resources: Resources,
    *,
    names: Sequence[str] = (),
    on_result: Callable[[Result], None] | None = None,
    shared: SharedNetworks | None = None,
) -> list[list[Result]]:
    """Train what plans ask for, each in its folder, and judge nothing yet; see `carry_out`.

    Args:
        names: of the experiments, for what is told of their networks; no two are alike. There may
            be none where there is one experiment.
        shared: what experiments have trained; an equal network's readings are taken over.

    Returns:
        The results of each plan.

    Raises:
        TicketHubError: as `ticket_hub.transfer.experiment.experiments`.
    """
    results: list[list[Result]] = [[] for _ in places]
    for number, result in experiments(places, resources, names=names, shared=shared):
        results[number].append(result)
        if on_result is not None:
            on_result(result)
    return results


def judge_together(
    places: Sequence[tuple[Plan, Path]], results: Sequence[Sequence[Result]], *, who: str = ""
) -> list[tuple[list[LevelEvidence], dict[str, Any]]]:
    """Judge experiments as one family, and write the evidence of each into its folder.

    Each record has the p-values of the others, so that who reads it alone judges as it was judged.

    Returns:
        The levels of each experiment, and the header of its folder.

    Raises:
        EvidenceError: a control lacks a trial, or a reading is not finite.
        StorageError: a file cannot be written.
    """
    rule = places[0][0].request.rule
    judged = judge_experiments(results, rule)
    p = [p_values(levels) for levels in judged]
    found = []
    for number, ((wanted, folder), levels) in enumerate(zip(places, judged, strict=True)):
        beside = tuple(each for other, some in enumerate(p) if other != number for each in some)
        own = dataclasses.replace(rule, beside=beside)
        found.append((levels, _write_evidence(folder, wanted, levels, own, who)))
    return found


def _write_evidence(
    folder: Path, wanted: Plan, levels: Sequence[LevelEvidence], rule: Rule, who: str
) -> dict[str, Any]:
    """Write what was asked for, judged, and give the header of its experiment's folder."""
    header = ExperimentFolder(folder).open(wanted.spec)
    assert header is not None, "results are written after the header"
    environment, exact = RunFolder(folder).read_environment()
    budgets = budgets_of(wanted)
    about: dict[str, Any] = {
        "who": who,
        "environment": environment,
        "bit_exact": exact,
        "tickets": tickets_of(wanted.source.bundle) | {"pulled": wanted.source.pulled},
        "request": to_table(wanted.request),
        "budgets": budgets,
        "iterations_in_all": totals_of(budgets),
    }
    plugins = needed_plugins(
        wanted.spec, wanted.source.bundle.architecture, wanted.request.controls
    )
    if plugins:
        about["plugins"] = [vars(each) for each in plugins]
    if wanted.own is not None:
        own = wanted.own
        about["own"] = tickets_of(own.source.bundle) | {
            "pulled": own.source.pulled,
            "levels": {str(level): each for level, each in own.levels.items()},
        }
    write_json(folder / EVIDENCE, record(levels, header, about, rule))
    write_bytes(folder / "comparisons.csv", csv_text(levels).encode())
    notes = notes_of(
        levels,
        rule,
        test_examples=header["data"].get("test_examples"),
        iterations_in_all=totals_of(budgets),
        start=start_note(wanted.spec),
    )
    write_bytes(folder / "comparisons.md", markdown(levels, notes).encode())
    return header


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
