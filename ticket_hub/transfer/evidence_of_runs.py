"""The evidence that runs have given, as records of a bundle."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ticket_hub import home
from ticket_hub.bundle import (
    ExperimentRecord,
    Manifest,
    amend_bundle,
    strict,
)
from ticket_hub.bundle.cost_record import CostRecord
from ticket_hub.bundle.read import bundle_folder
from ticket_hub.bundle.record_reading import read_record
from ticket_hub.bundle.reproduction_reading import read_reproduction
from ticket_hub.bundle.reproduction_record import ReproductionRecord
from ticket_hub.errors import (
    BundleError,
    EvidenceError,
    StorageError,
)
from ticket_hub.hub.address import PlaceLike, named_places
from ticket_hub.hub.builtin import stays_as_it_is
from ticket_hub.runs.file_names import EVIDENCE, REPRODUCTION
from ticket_hub.runs.lock import owned
from ticket_hub.transfer.stored import find_experiment

__all__ = [
    "add_costs",
    "add_evidence",
    "demand_own",
    "find_reproduction",
    "read_tried",
    "record_of",
    "tried_record",
]

MAX_BYTES = 4 << 20


def add_evidence(
    bundle: str | os.PathLike[str], runs: Sequence[PlaceLike], *, by: str = ""
) -> Manifest:
    """Add the evidence of finished experiments to the bundle whose tickets were trained in them.

    Claims that were tried with them (`ticket_hub.reproduce`) are added likewise. The ids of the
    bundle and its tickets stay, and masks and theta0 are not touched. An experiment
    that went on takes the place of its earlier record. All is checked before anything is written.

    Args:
        runs: folders or names of runs of `retrain`, and of what `reproduce` came to.
        by: who made them; by default who the records say.

    Raises:
        EvidenceError: a run is no finished experiment, nobody is named, it is about another
            bundle or about tickets that are not in this one, or a claim was tried in a smoke run.
        BundleError: the bundle was pulled, and stays as the hub has it; or it is not sound.
        RunLockedError: a search works on the bundle.
        StorageError: the folder may not be written.
    """
    folder = bundle_folder(bundle)
    demand_own(folder)
    names = named_places(runs)
    tried = {run: place for run in names if (place := find_reproduction(run))}
    records = [record_of(run, by=by) for run in names if run not in tried]
    claims = [tried_record(place, by=by) for place in tried.values()]
    with owned(folder):
        return amend_bundle(folder, experiments=records, reproductions=claims)


def find_reproduction(text: str) -> Path | None:
    """The `reproduction.json` that a path or a name stands for; None if there is none.

    Args:
        text: the file, its folder, or the name of a folder among `reproductions/`.
    """
    named = home.expanded(text)
    places = (
        named,
        named / REPRODUCTION,
        home.ticket_home() / "reproductions" / text / REPRODUCTION,
    )
    found = (place for place in places if place.name == REPRODUCTION and place.is_file())
    return next(found, None)


def read_tried(path: Path) -> ReproductionRecord:
    """What `ticket reproduce` wrote, checked.

    Raises:
        EvidenceError: it is no such record.
        StorageError: it cannot be read.
    """
    table = strict.parse(_bounded(path), source=str(path))
    if isinstance(table, dict) and "tickets" not in table:
        raise EvidenceError(
            f"{path} does not say which tickets were compared.",
            "The same `ticket reproduce` again reads what was trained, and writes it anew.",
        )
    return read_reproduction(table)


def tried_record(path: Path, *, by: str = "") -> ReproductionRecord:
    """A claim that was tried, with who made it and when; its file says when it was finished.

    Raises:
        EvidenceError: as `read_tried`, or nobody says who made it.
        StorageError: it cannot be read.
    """
    record = read_tried(path).marked(who=by, when=_time_of(path.stat().st_mtime))
    if not record.who:
        raise EvidenceError(f"Nobody says who made {path}.", "Say so with --by NAME.")
    return record


def add_costs(bundle: Path | str, records: Sequence[CostRecord]) -> Manifest:
    """Add what tickets of a bundle were measured to cost, beside what is there of other machines.

    The ids of the bundle and its tickets stay, and masks and theta0 are not touched.

    Args:
        records: of `Costs.record`.

    Raises:
        EvidenceError: one is of a ticket that is not in the bundle, or they are too many.
        BundleError: the bundle was pulled, and stays as the hub has it; or it is not sound.
        RunLockedError: a search works on the bundle.
        StorageError: the folder may not be written.
    """
    folder = Path(bundle)
    demand_own(folder)
    with owned(folder):
        return amend_bundle(folder, costs=records)


def demand_own(folder: Path) -> None:
    """Demand that a bundle may be added to.

    Raises:
        BundleError: it was pulled, and stays as the hub has it.
    """
    if stays_as_it_is(folder):
        raise BundleError(
            f"{folder} was pulled, and stays as its hub has it.",
            "Pull all levels, copy the folder, and add to the copy.",
        )


def record_of(run: Path | str, *, by: str = "") -> ExperimentRecord:
    """The evidence of a finished experiment, with who made it and when.

    When is the time at which its last network was trained, by the time stamps of the results: a
    copy of the run must keep them (`cp -a`).

    Raises:
        EvidenceError: it is no experiment, is not finished, or nobody says who made it.
        BundleFormatError: `evidence.json` is damaged.
    """
    folder = find_experiment(str(run))
    if folder is None:
        raise EvidenceError(f"{run} is no experiment.", "Name the run of a `ticket retrain`.")
    path = folder / EVIDENCE
    if not path.is_file():
        raise EvidenceError(
            f"The experiment in {folder} is not finished.", "The same `ticket retrain` goes on."
        )
    record = read_record(strict.parse(_bounded(path), source=str(path)))
    record = record.marked(who=by, when=_finished(folder, path))
    if not record.who:
        raise EvidenceError(
            f"The evidence in {folder} does not say who made it.", "Say so with --by NAME."
        )
    return record


def _bounded(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            # One byte more tells what is too large from what just fits, and the rest is never read.
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read: {error.strerror or error}.", "Check its permissions."
        ) from error
    if len(data) > MAX_BYTES:
        raise EvidenceError(f"{path} takes more than 4 MiB.", "Retrain fewer levels at once.")
    return data


def _finished(folder: Path, evidence: Path) -> str:
    results = list((folder / "results").glob("*/*.json")) or [evidence]
    return _time_of(max(path.stat().st_mtime for path in results))


def _time_of(last: float) -> str:
    return datetime.fromtimestamp(int(last), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
