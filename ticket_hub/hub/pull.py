"""Pull a bundle: what the chosen tickets need, every byte checked, all of it or an error."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub.bundle import encoding, layout
from ticket_hub.bundle.card_marks import has_seal
from ticket_hub.bundle.files import changed
from ticket_hub.bundle.manifest import FileRecord, LevelRecord, Manifest, Reference
from ticket_hub.bundle.reference import kept_weights, local_file, missing_source
from ticket_hub.bundle.spec import find_level
from ticket_hub.durable import sha256_file, write_bytes
from ticket_hub.errors import (
    BundleFormatError,
    HubNotFoundError,
    HubUnavailableError,
    TicketHubError,
    TicketNotFoundError,
)
from ticket_hub.hub.base import Hub, Snapshot
from ticket_hub.hub.cache import Cache, Fetch
from ticket_hub.hub.weights import fetch_reference

if TYPE_CHECKING:
    from ticket_hub.bundle.experiment_record import ExperimentRecord

__all__ = ["Pulled", "peek", "peek_experiments", "pull"]

EVERYTHING = "all"


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What a pull did.

    Attributes:
        folder: the bundle, with the files of the chosen tickets.
        repo: `owner/name`.
        commit: what the revision stands for.
        confirmed: whether the hub said so now; False where it could not be asked, and the commit
            is the one it gave the last time.
        levels: the chosen levels.
        fetched: names of the files whose bytes were sent.
        repaired: names of those that were here, damaged, and were fetched anew.
    """

    folder: Path
    repo: str
    commit: str
    confirmed: bool
    levels: tuple[int, ...]
    fetched: tuple[str, ...]
    repaired: tuple[str, ...]


def pull(
    hub: Hub,
    repo: str,
    *,
    revision: str | None = None,
    level: str | int = "best",
    trial: int | None = None,
    cache: Cache | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
) -> Pulled:
    """Have the tickets of a repository on this machine, with the weights that theta0 refers to.

    Args:
        revision: branch, tag or commit; None is the default branch.
        level: a number, several (`3,7`), `d0.036`, `best`, or `all` for the whole ladder.
        trial: only this repetition; by default all.
        local_files_only: never ask the hub.
        force_download: fetch again what is here already.

    Raises:
        HubError: the hub has no such repository or revision, refuses, or does not answer and
            what is needed is not here.
        BundleError: what the hub has is no bundle, or its bytes are not those of the manifest; or
            the weights that theta0 refers to cannot be had.
        TicketNotFoundError: the bundle has no such level or trial.
        StorageError: the disk is full.
    """
    cache = cache or Cache()
    snapshot = _snapshot(hub, cache, repo, revision, local_only=local_files_only)
    folder = cache.folder(hub.location, repo, snapshot.commit)
    data, manifest = _manifest(hub, snapshot, folder)
    chosen = _levels(manifest, level)
    names = _names(manifest, chosen, trial, everything=level == EVERYTHING)
    if layout.CARD in names and _goes_without_card(hub, cache, snapshot, manifest):
        names.remove(layout.CARD)
    records = {name: manifest.files[name] for name in names}
    done = _bring(hub, cache, snapshot, records, again=force_download)
    if manifest.reference is not None:
        _bring_source(hub, manifest.reference, ask=not local_files_only)
    # The manifest last: where it lies, the files that it was pulled with lie beside it.
    cache.place(folder, records)
    if not (folder / layout.MANIFEST).is_file() or (folder / layout.MANIFEST).read_bytes() != data:
        write_bytes(folder / layout.MANIFEST, data)
    # Only now: without the hub, a revision stands for a commit whose files are here.
    if snapshot.confirmed:
        cache.remember(hub.location, repo, revision, snapshot.commit)
    return Pulled(
        folder=folder,
        repo=repo,
        commit=snapshot.commit,
        confirmed=snapshot.confirmed,
        levels=tuple(each.index for each in chosen),
        fetched=tuple(name for name, how in done.items() if how != "kept"),
        repaired=tuple(name for name, how in done.items() if how == "repaired"),
    )


def peek(hub: Hub, repo: str, revision: str | None = None) -> tuple[Snapshot, Manifest]:
    """The manifest of a repository's bundle, and nothing else of it.

    Raises:
        HubError, BundleError: as `pull`.
    """
    snapshot = hub.snapshot(repo, revision)
    return snapshot, _read_manifest(hub, snapshot)[1]


def peek_experiments(
    hub: Hub, snapshot: Snapshot, manifest: Manifest
) -> tuple[ExperimentRecord, ...]:
    """The evidence that was made elsewhere with the tickets of a repository's bundle.

    Raises:
        HubError, BundleError: as `pull`.
    """
    return tuple(_experiment(hub, snapshot, manifest, name) for name in manifest.experiments)


def _experiment(hub: Hub, snapshot: Snapshot, manifest: Manifest, name: str) -> ExperimentRecord:
    from ticket_hub.bundle.record_reading import record_in  # slow: statistics need NumPy

    record = manifest.files[name]
    data = hub.read(snapshot, name, limit=record.size)  # whatever the hub would send
    if hashlib.sha256(data).hexdigest() != record.sha256:
        raise changed(name)
    return record_in(manifest, data, name)


def _snapshot(
    hub: Hub, cache: Cache, repo: str, revision: str | None, *, local_only: bool
) -> Snapshot:
    try:
        if not local_only:
            return hub.snapshot(repo, revision)
        reason = HubUnavailableError("", "")
    except HubUnavailableError as error:
        reason = error
    commit = cache.recall(hub.location, repo, revision)
    if commit is None:
        problem = reason.problem or "The hub was not asked (local_files_only)."
        raise HubUnavailableError(
            f"{problem} {repo} was never pulled here{f' at {revision}' if revision else ''}.",
            reason.remedy or "Pull it once while the hub can be reached.",
        ) from reason
    return Snapshot(repo=repo, commit=commit, files=(), confirmed=False)


def _manifest(hub: Hub, snapshot: Snapshot, folder: Path) -> tuple[bytes, Manifest]:
    """From this machine where it is whole, else from the hub."""
    try:
        data = (folder / layout.MANIFEST).read_bytes()
        return data, encoding.decode(data)
    except (OSError, BundleFormatError) as error:
        if not snapshot.confirmed:
            raise HubUnavailableError(
                f"The manifest of {snapshot.repo} is not whole on this machine, and the hub could "
                "not be asked.",
                "Pull it once while the hub can be reached.",
            ) from error
    return _read_manifest(hub, snapshot)


def _read_manifest(hub: Hub, snapshot: Snapshot) -> tuple[bytes, Manifest]:
    if all(file.path != layout.MANIFEST for file in snapshot.files):
        raise HubNotFoundError(
            f"{snapshot.repo} holds no ticket: it has no {layout.MANIFEST}.",
            "`ticket search` lists the repositories that do.",
        )
    data = hub.read(snapshot, layout.MANIFEST, limit=layout.MAX_MANIFEST_BYTES)
    return data, encoding.decode(data)


def _levels(manifest: Manifest, wanted: str | int) -> list[LevelRecord]:
    if wanted == EVERYTHING:
        return [level for level in manifest.levels if level.tickets]
    return [find_level(manifest, part) for part in str(wanted).split(",")]


def _names(
    manifest: Manifest, levels: Iterable[LevelRecord], trial: int | None, *, everything: bool
) -> list[str]:
    """The files that the chosen tickets need."""
    known = [each.index for each in manifest.trials]
    if trial is not None and trial not in known:
        raise TicketNotFoundError(
            f"There is no trial {trial}.", f"It has {', '.join(map(str, known))}."
        )
    if everything and trial is None:
        return list(manifest.files)
    trials = known if trial is None else [trial]
    indices = {each.index for each in levels}
    if manifest.theta0_level is not None:
        indices.add(manifest.theta0_level)
    names = [layout.CONFIG, layout.METRICS, layout.CARD, layout.FIGURE, layout.RESULTS]
    names += manifest.experiments
    names += [layout.theta0_file(each) for each in trials]
    names += [layout.mask_file(each, index) for each in trials for index in sorted(indices)]
    return [name for name in names if name in manifest.files]


def _goes_without_card(hub: Hub, cache: Cache, snapshot: Snapshot, manifest: Manifest) -> bool:
    """Whether the README.md is left out.

    No manifest vouches for one that a person has written on the hub. Where the hub cannot be asked,
    it is left out if it was so the last time.
    """
    record = manifest.files[layout.CARD]
    if not snapshot.confirmed:
        return not cache.blob(record.sha256).is_file()
    sizes = {file.path: file.size for file in snapshot.files}
    if sizes.get(layout.CARD) in {None, record.size}:
        return False
    return not has_seal(hub.read(snapshot, layout.CARD, limit=layout.MAX_CARD_BYTES))


def _bring(
    hub: Hub,
    cache: Cache,
    snapshot: Snapshot,
    records: Mapping[str, FileRecord],
    *,
    again: bool,
) -> dict[str, str]:
    """Have the bytes of every file in the cache, checked; name -> what `Cache.ensure` had to do."""
    done: dict[str, str] = {}
    for name, record in records.items():
        if again and snapshot.confirmed:
            cache.blob(record.sha256).unlink(missing_ok=True)
        fetch = _fetcher(hub, snapshot, name, record.size) if snapshot.confirmed else None
        done[name] = cache.ensure(name, record, fetch)
    return done


def _bring_source(hub: Hub, reference: Reference, *, ask: bool) -> None:
    """Have the pretrained weights of a theta0 by reference; what is here is hashed again."""
    found = local_file(reference)
    if found is not None and sha256_file(found) == reference.sha256:
        return
    kept_weights(reference.sha256).unlink(missing_ok=True)  # its bytes are not those of its name
    try:
        if ask:
            fetch_reference(reference, hub)
            return
        reason = "The hub was not asked (local_files_only)."
    except TicketHubError as error:
        reason = error.problem
    raise missing_source(reference, reason)


def _fetcher(hub: Hub, snapshot: Snapshot, name: str, size: int) -> Fetch:
    def fetch(target: Path, offset: int) -> None:
        hub.download(snapshot, name, target, offset=offset, most=size)

    return fetch
