"""Pull a bundle: what the chosen tickets need, every byte checked, all of it or an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub.bundle import encoding, layout
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import FileRecord, Reference
from ticket_hub.bundle.reference import FETCHERS, kept_weights, local_file, missing_source
from ticket_hub.durable import sha256_file, write_bytes
from ticket_hub.errors import (
    BundleFormatError,
    DataNotFoundError,
    HubError,
    HubUnavailableError,
    TicketHubError,
)
from ticket_hub.hub.base import Hub, Snapshot
from ticket_hub.hub.beside import bring_beside, goes_without_card
from ticket_hub.hub.cache import Cache, Fetch
from ticket_hub.hub.choosing import EVERYTHING, chosen_levels, needed_files
from ticket_hub.hub.connect import connect
from ticket_hub.hub.peeking import read_manifest
from ticket_hub.hub.weights import (
    TICKET_SOURCE,
    download_weights,
    kept_theta0,
    other_bytes,
    parse_source,
)

if TYPE_CHECKING:
    from ticket_hub.bundle.experiment_record import ExperimentRecord

__all__ = ["Pulled", "fetch_reference", "pull"]

# Tickets may begin with tickets, and two repositories can name each other.
MAX_BEHIND = 8
_BEHIND: ContextVar[tuple[str, ...]] = ContextVar("sources of sources", default=())
"""Repositories whose tickets are being fetched, each as the source of the one before."""


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

    def __fspath__(self) -> str:
        """Its folder, so that it stands for that wherever a path does."""
        return str(self.folder)


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
    data, manifest = _manifest(hub, snapshot, folder, again=force_download)
    done: dict[str, str] = {}

    def experiments() -> list[ExperimentRecord]:
        """Those of the bundle, which every pull brings, and which say what the best level is."""
        from ticket_hub.bundle.record_reading import record_in  # slow: statistics need NumPy

        records = {name: manifest.files[name] for name in manifest.experiments}
        done.update(_bring(hub, cache, snapshot, records, again=force_download))
        return [
            record_in(manifest, cache.blob(record.sha256).read_bytes(), name)
            for name, record in records.items()
        ]

    chosen = chosen_levels(manifest, level, experiments)
    names = needed_files(manifest, chosen, trial, everything=level == EVERYTHING)
    # The only file of a bundle that people edit on a hub, where its page is.
    if layout.CARD in names and goes_without_card(hub, cache, snapshot, manifest):
        names.remove(layout.CARD)
    records = {name: manifest.files[name] for name in names}
    # Everything in the cache first, then in the folder: a pull that is cut off leaves no half
    # bundle.
    rest = {name: record for name, record in records.items() if name not in done}
    done |= _bring(hub, cache, snapshot, rest, again=force_download)
    # Before the manifest is placed: without these weights theta0 is not all there.
    if manifest.reference is not None:
        _bring_source(hub, manifest.reference, ask=not local_files_only)
    bring_beside(hub, snapshot, folder, again=force_download)
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


def _snapshot(
    hub: Hub, cache: Cache, repo: str, revision: str | None, *, local_only: bool
) -> Snapshot:
    try:
        if not local_only:
            return hub.snapshot(repo, revision)
        reason = HubUnavailableError("", "")
    except HubUnavailableError as error:
        reason = error
    # What the hub said the last time. `confirmed` tells the caller that it may be old.
    commit = cache.recall(hub.location, repo, revision)
    if commit is None:
        problem = reason.problem or "The hub was not asked (local_files_only)."
        raise HubUnavailableError(
            f"{problem} {repo} was never pulled here{f' at {revision}' if revision else ''}.",
            reason.remedy or "Pull it once while the hub can be reached.",
        ) from reason
    return Snapshot(repo=repo, commit=commit, files=(), confirmed=False)


def _manifest(hub: Hub, snapshot: Snapshot, folder: Path, *, again: bool) -> tuple[bytes, Manifest]:
    """From this machine where it is whole, else from the hub; `again` asks the hub if it can."""
    if again and snapshot.confirmed:
        return read_manifest(hub, snapshot)
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
    return read_manifest(hub, snapshot)


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
        # Only where it can be fetched: without the hub, what is here is all that there is.
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
        """Append the file's bytes from `offset` on."""
        hub.download(snapshot, name, target, offset=offset, most=size)

    return fetch


def fetch_reference(reference: Reference, hub: Hub | None = None) -> None:
    """Have the pretrained weights that a bundle's theta0 refers to on this machine.

    Args:
        hub: asked first, such as the one that the bundle came from; then the one of `HF_ENDPOINT`,
            or the public Hub. A copy of the repository that has other commits will do.

    Raises:
        DataNotFoundError: only their author has them.
        HubError: no hub has them, or can be asked.
        BundleError, TicketNotFoundError: they are a ticket's, and its bundle is not sound.
    """
    fetch = _fetcher_of(reference)
    reasons: list[TicketHubError] = []
    nested = bool(_BEHIND.get())  # of a source only what it names is asked for, lest it multiply
    first = [] if hub is None else [hub]
    for place in first if nested and first else [*first, connect()]:
        # First the named commit; then the file as it is now, since its sha256 decides and not where
        # it lay.
        for commit in (True,) if nested else (True, False):
            try:
                fetch(place, commit)
            except HubUnavailableError as error:
                reasons.append(error)
                break
            except TicketHubError as error:
                reason = error
            else:
                return
        else:
            reasons.append(reason)
    raise reasons[0]


FETCHERS.append(fetch_reference)


def _fetcher_of(reference: Reference) -> Callable[[Hub, bool], object]:
    """What fetches a file from a hub, by its commit or as it is there now."""
    found, ticket = parse_source(reference.source), TICKET_SOURCE.fullmatch(reference.source)
    if found is not None:
        repo, revision, file = found
        return lambda hub, exact: download_weights(
            hub, repo, revision if exact else None, file, reference
        )
    if ticket is not None:
        return lambda hub, exact: _pull_theta0(
            hub, ticket[1], ticket[2] if exact else None, reference.sha256
        )
    raise DataNotFoundError(
        "They are a file of its author's, and on no hub.", "Ask the author for the file."
    )


def _pull_theta0(hub: Hub, repo: str, revision: str | None, sha256: str) -> None:
    """The theta0 of a bundle's first ticket, which is the source of another's."""
    from ticket_hub.bundle.read import open_bundle  # slow, with PyTorch

    behind = _BEHIND.get()
    if len(behind) >= MAX_BEHIND:
        raise HubError(
            f"theta0 is by reference to tickets of {', '.join(behind)}, and so on.",
            "Ask its author for a bundle with dense theta0.",
        )
    # A context variable, and no argument: `pull` and the fetchers of references call each other.
    token = _BEHIND.set((*behind, repo))
    try:
        pulled = pull(hub, repo, revision=revision)
        found = kept_theta0(open_bundle(pulled.folder), repo)
    finally:
        _BEHIND.reset(token)
    if found.sha256 != sha256:
        raise other_bytes(repo, "theta0", pulled.commit, sha256)
