"""What an operator does to a hub from the command line, with plain values in and out.

It works on the database and the storage themselves, so it needs no running service and may run
beside one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ticket_hub.errors import HubError
from ticket_hub_api import serving
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.catalog.indexing import index_pending, rebuild
from ticket_hub_api.catalog.mirroring import mirror
from ticket_hub_api.jobs import overview, quotas
from ticket_hub_api.maintenance import backup
from ticket_hub_api.maintenance.check import check
from ticket_hub_api.maintenance.collect import collect
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.blobs import Blobs, open_blobs
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import check_schema, current_version, migrate

__all__ = [
    "Hub",
    "add_member",
    "add_organization",
    "add_user",
    "back_up",
    "collect_garbage",
    "create_token",
    "find_damage",
    "index_mirrored",
    "list_accounts",
    "list_quotas",
    "list_tokens",
    "list_workers",
    "migrate_database",
    "open_hub",
    "rebuild_index",
    "restore",
    "revoke_token",
    "serve",
    "set_disabled",
    "set_quota",
    "settings_of",
]


@dataclasses.dataclass(frozen=True)
class Hub:
    """A hub's rows and bytes."""

    settings: Settings
    database: Database

    @functools.cached_property
    def blobs(self) -> Blobs:
        """The storage; opened only where it is needed."""
        return open_blobs(self.settings.storage_url, self.settings.spool)


def settings_of(database: str = "", storage: str = "", **changes: object) -> Settings:
    """The settings of the environment, with what was given on the command line."""
    settings = Settings.from_environment()
    given = {"database": database, "storage": storage, **changes}
    chosen = {name: value for name, value in given.items() if value not in {"", None}}
    return dataclasses.replace(settings, **chosen)  # type: ignore[arg-type] # names of fields


@contextlib.contextmanager
def open_hub(settings: Settings, *, create: bool = False) -> Iterator[Hub]:
    """Open a hub's database.

    Args:
        create: make a new one where there is none.

    Raises:
        HubError: there is none, or it has the schema of another version.
    """
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not settings.database and not create and not (settings.folder / "hub.sqlite").exists():
        raise HubError(
            f"There is no hub in {settings.folder}.",
            "Start one with `ticket serve`, or name another with --database.",
        )
    database = Database(settings.database_url)
    try:
        if create and not current_version(database):
            migrate(database)
        check_schema(database)
        yield Hub(settings, database)
    finally:
        database.close()


def add_user(settings: Settings, name: str, *, full_name: str = "", email: str = "") -> None:
    """Add a user; the database is made where there is none.

    Raises:
        HubError: the name cannot be used. HubConflictError: it is taken.
    """
    with open_hub(settings, create=True) as hub:
        accounts.add_user(hub.database, name, full_name=full_name, email=email)


def add_organization(settings: Settings, name: str, *, full_name: str = "") -> None:
    """Add an organization; the database is made where there is none.

    Raises:
        HubError: the name cannot be used. HubConflictError: it is taken.
    """
    with open_hub(settings, create=True) as hub:
        accounts.add_organization(hub.database, name, full_name=full_name)


def add_member(settings: Settings, organization: str, user: str, role: str) -> None:
    """Give a user a role in an organization, or with `none` take it away."""
    with open_hub(settings) as hub:
        if role == "none":
            accounts.remove_member(hub.database, organization, user)
        else:
            accounts.add_member(hub.database, organization, user, role)


def list_accounts(settings: Settings) -> list[dict[str, str]]:
    """All accounts."""
    with open_hub(settings) as hub:
        return accounts.account_names(hub.database)


def set_disabled(settings: Settings, name: str, *, disabled: bool) -> None:
    """Lock an account out, or let it in again."""
    with open_hub(settings) as hub:
        accounts.set_disabled(hub.database, name, disabled=disabled)


def create_token(
    settings: Settings, user: str, *, scope: str, name: str, expires_seconds: int | None
) -> dict[str, object]:
    """Issue a token; its secret is in the answer and nowhere else."""
    with open_hub(settings) as hub:
        issued = tokens.create_token(
            hub.database, user, scope=scope, name=name, expires_seconds=expires_seconds
        )
    return dataclasses.asdict(issued)


def list_tokens(settings: Settings) -> list[dict[str, object]]:
    """All tokens, without their secrets."""
    with open_hub(settings) as hub:
        return tokens.list_tokens(hub.database)


def revoke_token(settings: Settings, token_id: str) -> None:
    """End a token."""
    with open_hub(settings) as hub:
        tokens.revoke_token(hub.database, token_id)


def collect_garbage(
    settings: Settings, *, grace_seconds: float, xet_seconds: float, dry_run: bool
) -> dict[str, int]:
    """Remove what nothing refers to; see `maintenance.collect`."""
    with open_hub(settings) as hub:
        done = collect(
            hub.database,
            hub.blobs,
            grace_seconds=grace_seconds,
            xet_seconds=xet_seconds,
            dry_run=dry_run,
        )
    return done.to_dict()


def find_damage(settings: Settings, *, contents: bool) -> Iterator[dict[str, str]]:
    """Everything that is damaged, as it is found; see `maintenance.check`."""
    database = Database(settings.database_url)
    try:
        blobs = open_blobs(settings.storage_url, settings.spool)
        for finding in check(database, blobs, contents=contents):
            yield finding.to_dict()
    finally:
        database.close()


def back_up(settings: Settings, folder: Path) -> dict[str, object]:
    """Copy the hub into a folder; it may run meanwhile.

    Raises:
        HubError: the folder holds something else; or a content is missing or damaged: everything
            else was copied, and the message says how many.
        StorageError: the disk is full, or pg_dump is missing or fails.
    """
    with open_hub(settings) as hub:
        return dataclasses.asdict(backup.back_up(hub.database, hub.blobs, folder))


def restore(settings: Settings, folder: Path) -> dict[str, object]:
    """Bring a hub back from a folder, into an empty database.

    Raises:
        HubConflictError: the database is not empty.
        HubError: there is no complete backup, or it is damaged, or of another kind of database.
        StorageError: a content of the backup is missing or damaged; the database was not touched.
    """
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url)
    try:
        blobs = open_blobs(settings.storage_url, settings.spool)
        return dataclasses.asdict(backup.restore(folder, database, blobs))
    finally:
        database.close()


def index_mirrored(
    settings: Settings, owners: Sequence[str], source: str = ""
) -> Iterator[dict[str, str]]:
    """List the tickets of owners on another hub; see `catalog.mirroring.mirror`."""
    with open_hub(settings) as hub:
        for owner in owners:
            for found in mirror(hub.database, settings, owner, source):
                yield dataclasses.asdict(found)


def rebuild_index(settings: Settings) -> Iterator[dict[str, str]]:
    """Fill the catalog anew from the contents of all commits; those with a damaged bundle."""
    with open_hub(settings) as hub:
        for repository, commit, problem in rebuild(hub):
            if problem:
                yield {"repo": repository, "commit": commit, "problem": problem}


def migrate_database(settings: Settings) -> tuple[str, str]:
    """Bring the database to this version's schema; the versions before and after."""
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url)
    try:
        before = current_version(database)
        migrate(database)
        index_pending(Hub(settings, database))
        return before, current_version(database)
    finally:
        database.close()


def set_quota(settings: Settings, account: str, seconds: int) -> None:
    """Say how many slot-seconds an account may use within 30 days; 0 is no limit.

    Raises:
        HubNotFoundError: no such account. HubError: less than nothing.
    """
    with open_hub(settings) as hub:
        quotas.set_quota(hub.database, account, seconds)


def list_quotas(settings: Settings) -> list[dict[str, object]]:
    """What accounts may use, and have used."""
    with open_hub(settings) as hub:
        return quotas.list_quotas(hub.database, settings.job_quota_seconds)


def list_workers(settings: Settings) -> list[dict[str, Any]]:
    """The slots that have shown themselves within a day."""
    with open_hub(settings) as hub:
        return overview.slots(hub.database)


def serve(
    settings: Settings, *, host: str, port: int, announce: Callable[[str, Path | None, str], None]
) -> None:
    """Run the service until it is stopped.

    Args:
        announce: is told the endpoint, the file that holds the first account's token (or None), and
            the name of that account when it was made just now, before the service starts.

    Raises:
        HubError: the service may not start; see `serving.prepare`.
    """
    prepared = serving.prepare(settings, host=host, port=port)
    announce(prepared.endpoint, prepared.token_file, prepared.account)
    serving.run(prepared)
