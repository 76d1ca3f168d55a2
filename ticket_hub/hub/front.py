"""What users call: by addresses and locations, where the modules below take hubs and folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub.bundle import encoding
from ticket_hub.bundle.cost_record import decode_costs
from ticket_hub.bundle.files import changed
from ticket_hub.bundle.layout import COSTS, MANIFEST
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.spec import default_ticket, records_in
from ticket_hub.durable import sha256_file
from ticket_hub.errors import HubError, TicketNotFoundError
from ticket_hub.hub.address import Address, parse_address
from ticket_hub.hub.base import Report, Snapshot
from ticket_hub.hub.builtin import BUILTIN, PACKAGED, builtin_names, is_packaged
from ticket_hub.hub.cache import Cache, CachedBundle
from ticket_hub.hub.choosing import chosen_levels
from ticket_hub.hub.connect import connect, is_named
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.folder_collecting import GRACE_SECONDS, CollectedFolder, collect_folder
from ticket_hub.hub.peeking import peek, peek_experiments, peek_replays, peek_reproductions
from ticket_hub.hub.pull import Pulled, pull
from ticket_hub.hub.query import Query, SearchHit, Sort, hit, search, with_cost
from ticket_hub.signing.replays import ReplaySummary

if TYPE_CHECKING:
    from ticket_hub.bundle.experiment_record import ExperimentRecord
    from ticket_hub.bundle.manifest_records import DefaultTicket
    from ticket_hub.bundle.reproduction_record import ReproductionRecord

__all__ = [
    "Info",
    "cache_bundles",
    "collect_hub",
    "delete_bundle",
    "info_bundle",
    "pull_bundle",
    "search_hub",
    "tag_bundle",
]


@dataclass(frozen=True, kw_only=True)
class Info:
    """What a hub says about a bundle, before anything of it is pulled.

    Attributes:
        snapshot: the commit and its files.
        manifest: checked.
        tags: tag -> commit.
        experiments: evidence that was made with its tickets elsewhere, checked.
        replays: what others found who trained the tickets again.
        reproductions: claims that were tried with its tickets, checked.
    """

    snapshot: Snapshot
    manifest: Manifest
    tags: Mapping[str, str]
    experiments: tuple[ExperimentRecord, ...]
    replays: ReplaySummary
    reproductions: tuple[ReproductionRecord, ...] = ()

    @property
    def default(self) -> DefaultTicket:
        """The ticket that is meant where none is named."""
        return default_ticket(self.manifest, lambda: self.experiments)


def pull_bundle(
    address: str | Address,
    *,
    hub: str | Path | None = None,
    token: str | None = None,
    trial: int | None = None,
    cache_dir: Path | str | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
) -> Pulled:
    """Have the tickets that an address names on this machine; see `ticket_hub.hub.pull`.

    Args:
        address: `owner/name[@revision][:level]` or `builtin:NAME[:level]`, as text or taken
            apart; without a level the best.
        trial: only this repetition; by default all.
        cache_dir: None is `cache` under `TICKET_HOME`.

    Raises:
        TicketNotFoundError: the address is a folder, or there is no such repository or level.
        TicketHubError: as `ticket_hub.hub.pull`.
    """
    found = parse_address(address) if isinstance(address, str) else address
    if found.folder is not None and is_packaged(found.folder):
        return _builtin(found.folder, found.level)
    if found.repo is None:
        raise TicketNotFoundError(
            f"{found.folder} is on this machine already.",
            "Use it as it is; `ticket show` describes it.",
        )
    return pull(
        connect(hub, token=token),
        found.repo,
        revision=found.revision,
        level=found.level or "best",
        trial=trial,
        cache=Cache(Path(cache_dir)) if cache_dir else None,
        local_files_only=local_files_only,
        force_download=force_download,
    )


def _builtin(folder: Path, level: str | None) -> Pulled:
    """A ticket of the package: nothing is to be fetched, and every byte is checked all the same."""
    manifest = encoding.decode((folder / MANIFEST).read_bytes())
    for name, record in manifest.files.items():
        if sha256_file(folder / name) != record.sha256:
            raise changed(name)
    chosen = chosen_levels(manifest, level or "best", partial(records_in, folder, manifest))
    return Pulled(
        folder=folder,
        repo=f"{BUILTIN}{folder.name}",
        commit=manifest.id[:40],
        confirmed=True,
        levels=tuple(each.index for each in chosen),
        fetched=(),
        repaired=(),
    )


def search_hub(
    query: Query | None = None,
    *,
    hub: str | Path | None = None,
    token: str | None = None,
    sort: Sort = "updated",
    limit: int | None = None,
    report: Report | None = None,
) -> Iterator[SearchHit]:
    """Yield the repositories of a hub with a level that fits; see `ticket_hub.hub.search`.

    Where neither `hub` nor the environment names one, the tickets of the package come, too; they
    are there where the public Hub is not.
    """
    wanted, there = query or Query(), connect(hub, token=token)
    packaged = () if hub is not None or is_named() else _packaged(wanted)
    return search(there, wanted, sort=sort, limit=limit, report=report, packaged=packaged)


def _packaged(query: Query) -> Iterator[SearchHit]:
    """The tickets of the package that fit a query."""
    for name in builtin_names():
        folder = PACKAGED / name.removeprefix(BUILTIN)
        manifest = encoding.decode((folder / MANIFEST).read_bytes())
        experiments = cache(partial(records_in, folder, manifest))
        found = hit(query, name, manifest.id[:40], manifest, experiments)
        if found is None or query.owner is not None:
            continue
        costs = folder / COSTS
        records = decode_costs(costs.read_bytes(), manifest) if costs.is_file() else ()
        if (fitting := with_cost(query, found, manifest, records, experiments)) is not None:
            yield fitting


def info_bundle(
    address: str,
    *,
    hub: str | Path | None = None,
    token: str | None = None,
    report: Report | None = None,
) -> Info:
    """What a hub says about a bundle: its commit, files, tags and manifest.

    Args:
        report: is told of each tag that is damaged and passed over.

    Raises:
        HubError, BundleError: as `pull_bundle`.
    """
    repo, revision = _repository(address)
    there = connect(hub, token=token)
    snapshot, manifest = peek(there, repo, revision)
    return Info(
        snapshot=snapshot,
        manifest=manifest,
        tags=there.tags(repo, report=report),
        experiments=peek_experiments(there, snapshot, manifest),
        replays=peek_replays(there, snapshot, manifest),
        reproductions=peek_reproductions(there, snapshot, manifest),
    )


def tag_bundle(
    address: str,
    tag: str,
    *,
    hub: str | Path | None = None,
    token: str | None = None,
    message: str = "",
) -> None:
    """Name a commit for ever: `owner/name[@revision]` can then be addressed as `owner/name@tag`.

    Raises:
        HubConflictError: the tag exists.
    """
    repo, revision = _repository(address)
    connect(hub, token=token).tag(repo, tag, revision=revision, message=message)


def delete_bundle(repo: str, *, hub: str | Path | None = None, token: str | None = None) -> None:
    """Delete a repository with all its commits, for everybody."""
    connect(hub, token=token).delete(_repository(repo)[0])


def collect_hub(
    hub: str | Path, *, grace_seconds: float = GRACE_SECONDS, dry_run: bool = False
) -> CollectedFolder:
    """Remove from a folder's hub what nothing refers to; see `collect_folder`.

    Raises:
        HubError: it is no folder, or a commit is damaged.
        StorageError: the folder may not be written.
    """
    there = connect(hub)
    if not isinstance(there, FolderHub):
        raise HubError(
            f"{hub} is no folder.", "Run `ticket hub gc` without --hub on the hub's own machine."
        )
    return collect_folder(there, grace_seconds=grace_seconds, dry_run=dry_run)


def cache_bundles(cache_dir: Path | str | None = None) -> list[CachedBundle]:
    """Everything that was pulled to this machine."""
    return Cache(Path(cache_dir) if cache_dir else None).bundles()


def _repository(address: str) -> tuple[str, str | None]:
    found = parse_address(address)
    if found.repo is None:
        raise TicketNotFoundError(
            f"{address} is a folder on this machine, not a ticket on a hub.",
            "Write owner/name[@revision].",
        )
    return found.repo, found.revision
