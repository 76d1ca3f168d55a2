"""Sharing a bundle: signed, and with the evidence that experiments with its tickets have given."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ticket_hub import home
from ticket_hub.bundle import (
    Bundle,
    BundleContent,
    ExperimentRecord,
    Manifest,
    amend_bundle,
    layout,
    open_bundle,
    strict,
    verify_bundle,
    write_bundle,
)
from ticket_hub.bundle.card_marks import is_generated
from ticket_hub.bundle.card_terms import CardTerms, read_terms, written_license
from ticket_hub.bundle.contents import content_of
from ticket_hub.bundle.cost_record import CostRecord
from ticket_hub.bundle.manifest import Origin
from ticket_hub.bundle.record_reading import read_record
from ticket_hub.bundle.reproduction_reading import read_reproduction
from ticket_hub.bundle.reproduction_record import ReproductionRecord
from ticket_hub.errors import (
    BundleError,
    BundleFormatError,
    EvidenceError,
    RunLockedError,
    StorageError,
)
from ticket_hub.hub.address import check_repo
from ticket_hub.hub.base import Pushed
from ticket_hub.hub.beside import bring_replays
from ticket_hub.hub.builtin import stays_as_it_is
from ticket_hub.hub.connect import connect
from ticket_hub.hub.push import push
from ticket_hub.recipe import NetworkSpec
from ticket_hub.runs.file_names import EVIDENCE, REPRODUCTION
from ticket_hub.runs.lock import owned
from ticket_hub.search.pretrained import StartWeights
from ticket_hub.signing.keys import PrivateKey, find_key
from ticket_hub.signing.model_signature import ModelSignature, write_signature
from ticket_hub.signing.replays import replays_of
from ticket_hub.transfer.stored import find_experiment

__all__ = [
    "add_costs",
    "add_evidence",
    "demand_own",
    "find_reproduction",
    "name_card",
    "push_bundle",
    "read_tried",
    "record_of",
    "sign_bundle",
    "tried_record",
]

MAX_BYTES = 4 << 20


def push_bundle(
    bundle: Path | str,
    repo: str,
    *,
    evidence: Sequence[Path | str] = (),
    by: str = "",
    theta0: Literal["dense", "reference", "signs"] | None = None,
    license: str | None = None,  # noqa: A002 - what cards and hubs call it
    hub: str | Path | None = None,
    token: str | None = None,
    message: str | None = None,
    private: bool | None = None,
    parent: str | None = None,
    create_pr: bool = False,
    sign: bool = False,
    key: str = "",
) -> Pushed:
    """Share a bundle under `owner/name`; see `ticket_hub.hub.push`.

    One that is signed keeps its card as it was signed, unless it is signed anew.

    Args:
        evidence: finished experiments with its tickets, and claims that were tried with them,
            which are added to the bundle and shown on its card; see `add_evidence`.
        by: who made them.
        theta0: share it with all of theta0 (`dense`), or only with what is not of the pretrained
            weights that the search began with (`reference`); None is as the bundle has it. The
            ids are the same. Or with the signs of the survivors alone (`signs`): other tickets,
            with other ids, that begin with fresh sizes; what was measured stays with this bundle.
        license: that others may use it under, an SPDX identifier; None is what its card says.
        hub: a folder, or the address of a server; None is `HF_ENDPOINT`, or the public Hub.
        token: None is `HF_TOKEN`, or what `hf auth login` kept.
        sign: sign what is shared, after all that is added to it.
        key: with which key; see `sign_bundle`.
    """
    signer = find_key(key) if sign else None  # first: without one nothing is changed
    if evidence:
        add_evidence(bundle, evidence, by=by)
    there = connect(hub, token=token)
    if not stays_as_it_is(Path(bundle)):
        bring_replays(there, repo, Path(bundle))
    if sign or not (Path(bundle) / layout.SIGNATURE).exists():
        name_card(Path(bundle), repo, license)
    else:
        _leave_signed_card(Path(bundle), repo, license)
    with contextlib.ExitStack() as stack:
        folder = Path(bundle)
        if theta0 is not None and theta0 != open_bundle(folder).manifest.theta0:
            other = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "bundle"
            folder = _repacked(folder, other, theta0)
        if signer is not None:
            _sign(folder, signer)
        return push(
            there,
            folder,
            repo,
            message=message,
            private=private,
            parent=parent,
            create_pr=create_pr,
        )


def name_card(folder: Path, repo: str, license: str | None = None) -> None:  # noqa: A002
    """Have the card of a bundle say where it is shared, and under which licence.

    A card that a person wrote stays, and so does what was pulled. Where the card cannot be written,
    it is said in a warning, and a licence that was asked for is an error.

    Raises:
        BundleError: the licence is none that hubs know, or there is no card of ours to write it on.
        RunLockedError, StorageError: the licence cannot be written now.
    """
    check_repo(repo)
    known = None if license is None else written_license(license)
    card = folder / layout.CARD
    if stays_as_it_is(folder):
        refusal = f"{folder} was pulled, and stays as its hub has it."
    elif card.exists() and not (card.is_file() and is_generated(card.read_bytes())):
        refusal = f"{card} was written by a person, and stays as it is."
    else:
        old = read_terms(folder)
        terms = CardTerms(repo=repo, license=old.license if known is None else known)
        replays = _replays(folder, repo)
        if terms == old and not replays:
            return
        try:
            with owned(folder):
                amend_bundle(folder, terms=terms, replays=replays)
        except (RunLockedError, StorageError) as error:
            if known is not None:
                raise
            warnings.warn(f"The card does not name {repo}: {error.problem}", stacklevel=3)
        return
    if known is not None:
        raise BundleError(
            refusal, "Write the licence into the front matter of a README.md of a copy."
        )


def _leave_signed_card(folder: Path, repo: str, license: str | None) -> None:  # noqa: A002
    """Say what a card does not say, since another one would cost the signature.

    Raises:
        BundleError: a licence was asked for.
    """
    remedy = "`ticket push --sign` writes the card and signs the bundle anew."
    if license is not None:
        raise BundleError(f"{folder} is signed: another card would cost the signature.", remedy)
    if read_terms(folder).repo != repo:
        warnings.warn(
            f"The card does not name {repo}: the bundle is signed as it is. {remedy}", stacklevel=3
        )


def sign_bundle(bundle: Path | str, *, key: str = "") -> ModelSignature:
    """Sign a bundle: who has the public key can tell that the key's owner vouches for every byte.

    The signature is `model.sig` in the format of OpenSSF Model Signing. It covers all but the card
    (README.md), and is gone when the bundle is written anew.

    Args:
        key: the name of a key that `ticket_hub.signing.keys.keygen` made, or the file of one; by
            default the one named `default`, or the only one there is.

    Raises:
        SignatureError: there is no such key, or cryptography is not installed.
        BundleError: it is not sound, or was pulled and stays as its hub has it.
        RunLockedError: a search works on the bundle.
        StorageError: the folder may not be written.
    """
    folder = Path(bundle)
    if stays_as_it_is(folder):
        raise BundleError(
            f"{folder} was pulled, and stays as its hub has it.",
            "Copy the folder, and sign the copy.",
        )
    return _sign(folder, find_key(key))


def _sign(folder: Path, key: PrivateKey) -> ModelSignature:
    report = verify_bundle(folder)
    if not report.holds:
        first = report.failures[0]
        raise BundleFormatError(
            f"The bundle is not sound ({first.name}: {first.problem}), so it is not signed.",
            "Write it again with `ticket find`, or pull it again.",
        )
    with owned(folder):
        replays = _replays(folder, read_terms(folder).repo)
        amend_bundle(folder, signed=key.public.id, replays=replays)
        return write_signature(folder, key)


def _replays(folder: Path, repo: str) -> str:
    """What others found, in words for the card."""
    if not (folder / layout.REPLAYS).is_dir():
        return ""
    owner = repo.partition("/")[0]
    return replays_of(folder, open_bundle(folder).manifest.id, owner=owner).sentence


def _repacked(folder: Path, target: Path, theta0: Literal["dense", "reference", "signs"]) -> Path:
    """The same bundle with another form of theta0; a README.md that a person wrote comes along.

    With `signs` another one, whose lineage names this.

    Raises:
        BundleFormatError: it has survivors only, or its theta0 is not of pretrained weights.
        NetworkError: there is nothing that theta0 could refer to.
    """
    bundle = open_bundle(folder)
    content, recipe = content_of(bundle), bundle.manifest.recipe
    if bundle.manifest.theta0 == "signs" or (theta0 != "signs" and not bundle.manifest.has_dense):
        raise BundleFormatError(
            f"This bundle has the {bundle.manifest.theta0} of theta0 only.",
            "Share it as it is, without --theta0.",
        )
    if theta0 == "reference":
        start = StartWeights(recipe.network or NetworkSpec(name=bundle.architecture.name))
        reference = start.reference(bundle.architecture, "reference")
        content = dataclasses.replace(content, reference=reference)
    if theta0 == "signs":
        content = _with_signs_alone(bundle, content)
    if layout.CARD in bundle.manifest.files and (folder / layout.CARD).is_file():
        target.mkdir()
        shutil.copyfile(folder / layout.CARD, target / layout.CARD)
    write_bundle(target, content, theta0=theta0)
    return target


def _with_signs_alone(bundle: Bundle, content: BundleContent) -> BundleContent:
    """The sparse levels of a bundle without what was measured: it was with all of theta0."""
    origin = Origin(kind="bundle", source="its theta0 and evidence", id=bundle.manifest.id)
    levels = (
        dataclasses.replace(level, curves=(), backends=())
        for level, record in zip(content.levels, bundle.levels, strict=True)
        if record.tickets and record.density < 1
    )
    return dataclasses.replace(
        content,
        levels=tuple(levels),
        controls=(),
        experiments=(),
        figure=None,
        reference=None,
        lineage=(*content.lineage, origin),
    )


def add_evidence(bundle: Path | str, runs: Sequence[Path | str], *, by: str = "") -> Manifest:
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
    folder = Path(bundle)
    demand_own(folder)
    tried = {str(run): place for run in runs if (place := find_reproduction(str(run)))}
    records = [record_of(run, by=by) for run in runs if str(run) not in tried]
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
