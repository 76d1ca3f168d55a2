"""Experiments that lie on disk: what was last asked for in one, read back and judged anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ticket_hub import home
from ticket_hub.errors import EvidenceError, RecipeError, RunError
from ticket_hub.evidence import Rule
from ticket_hub.recipe.experiment_spec import spec_of
from ticket_hub.recipe.tables import build
from ticket_hub.runs.file_names import EVIDENCE, EXPERIMENT, MATRIX
from ticket_hub.runs.seal import read_json
from ticket_hub.transfer.level_evidence import LevelEvidence, judge_levels
from ticket_hub.transfer.result import Result, read_result
from ticket_hub.transfer.spec import ExperimentSpec, OwnExperimentSpec, Request

__all__ = ["StoredExperiment", "find_experiment", "find_transfer", "read_experiment"]


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredExperiment:
    """A finished experiment, from its folder.

    Attributes:
        path: the folder; its name is the experiment's.
        spec: what decided every result.
        header: of the folder: digest, bundle, data.
        record: the evidence as it was written: who, where, which tickets.
        request: what was last asked for.
        levels: the evidence, level by level, with every curve.
        rule: by what they were judged.
    """

    path: Path
    spec: ExperimentSpec | OwnExperimentSpec
    header: Mapping[str, Any]
    record: Mapping[str, Any]
    request: Request
    levels: tuple[LevelEvidence, ...]
    rule: Rule


def find_experiment(place: str) -> Path | None:
    """The folder of the experiment that a path or a run's name stands for; None if it is none."""
    return _folder_with(EXPERIMENT, place)


def find_transfer(place: str) -> Path | None:
    """The folder of a finished transfer that a path or a run's name stands for, if any."""
    return _folder_with(MATRIX, place)


def _folder_with(file: str, place: str) -> Path | None:
    folders = (home.expanded(place), home.runs_folder() / place)
    return next((folder for folder in folders if (folder / file).is_file()), None)


def read_experiment(folder: Path) -> StoredExperiment:
    """Read what was last asked for in an experiment: its results, checked, and their verdicts.

    Raises:
        EvidenceError: nothing was finished yet.
        RunError: a file is damaged, missing, or of another format.
    """
    if not (folder / EVIDENCE).is_file():
        raise EvidenceError(
            f"The experiment in {folder} is not finished.", "The same `ticket retrain` goes on."
        )
    advice = "Run the same `ticket retrain` again: it reads what is there and writes this anew."
    header, record = (read_json(folder / name, advice) for name in (EXPERIMENT, EVIDENCE))
    try:
        spec = spec_of(header["spec"])
        request = build(Request, record["request"])
        rule = build(Rule, record["rule"]) if "rule" in record else request.rule
        rule = replace(rule, metric=spec.metric)
        rule.check()
    except (RecipeError, KeyError) as error:
        raise RunError(f"{folder} holds no experiment that can be read.", advice) from error
    return StoredExperiment(
        path=folder,
        spec=spec,
        header=header,
        record=record,
        request=request,
        levels=tuple(judge_levels(_results(folder, request), rule)),
        rule=rule,
    )


def _results(folder: Path, request: Request) -> list[Result]:
    return [
        read_result(folder / "results" / f"{entry.level:03d}" / f"{entry.name}.json")
        for group in request.groups()
        for entry in group
    ]
