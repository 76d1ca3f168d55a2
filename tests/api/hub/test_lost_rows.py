"""Whichever row is lost, it is found, and a collector then takes nothing that is needed."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.helpers.chunked import Sent
from tests.helpers.experiments import evidence_table
from tests.helpers.inside import open_inside
from ticket_hub.errors import HubError
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.catalog.entries import Listed, keep_facts, list_mirrored
from ticket_hub_api.catalog.evidence_store import receive_evidence
from ticket_hub_api.jobs import operations, quotas
from ticket_hub_api.jobs.queue import JobQueue
from ticket_hub_api.jobs.requests import FindIn
from ticket_hub_api.maintenance.check import RELIED_ON, DamageFinding, check
from ticket_hub_api.maintenance.collect import collect
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.blobs import open_blobs
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.job_tables import JobWorker
from ticket_hub_api.store.names import RepositoryKey
from ticket_hub_api.store.repositories import lock, move_repository
from ticket_hub_api.store.revisions import move_ref
from ticket_hub_api.store.tables import Base, Commit, Identity, StoredObject, Tree, Xorb
from ticket_hub_api.store.ticket_tables import BundleFacts
from ticket_hub_api.store.trees import decode_tree
from ticket_hub_api.store.xet.reading import unpack_terms
from ticket_hub_api.webhooks import hooks

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
# Rows of which no other speaks, and on which nothing depends. (Whoever sent a content and did not
# commit it yet sends it again.)
BARE: dict[str, Callable[[dict[str, Any]], bool]] = {
    "uploads": lambda _: True,
    "webhook_deliveries": lambda _: True,
    "accounts": lambda row: row["name"] == "nobody",
    "job_workers": lambda row: row["name"] == "idle",
    "objects": lambda row: row["size"] == len(b"unused"),
}


def fill(folder: Path) -> Settings:
    """A hub with rows in every table."""
    settings = Settings(folder=folder)
    inside = open_inside(settings)
    services, ada, database = inside.services, inside.ada, inside.services.database
    for name in ("nobody", "ben"):
        accounts.add_user(database, name)
    accounts.add_organization(database, "lab")
    accounts.add_member(database, "lab", "ada", "admin")
    accounts.add_member(database, "lab", "ben", "read")
    tokens.create_token(database, "ben", scope="read")
    quotas.set_quota(database, "ben", 3600)
    files = {
        path.relative_to(GOLDEN).as_posix(): path.read_bytes()
        for path in sorted(GOLDEN.rglob("*"))
        if path.is_file()
    }
    row = inside.repository("ticket")
    inside.commit(row, files)
    inside.commit(row, {"notes.txt": b"more"}, {
        "whole.bin": inside.send_whole(row, b"whole" * 99),
        "chunks.bin": inside.send_chunks(row, Sent(b"one" * 99, b"two" * 99)),
    })  # fmt: skip
    inside.send_whole(row, b"unused")
    other = inside.repository("before")
    inside.commit(other, {"README.md": b"---\ntags: [a, b]\n---\n# Mine\n"})
    table = evidence_table(GOLDEN)

    def change(session: Session) -> None:
        session.add(Identity(account_id=ada.account_id, issuer="https://idp.example", subject="1"))
        may_send = Settings(webhook_hosts="hooks.example")
        hooks.add_webhook(session, may_send, hooks.OPERATOR, url="https://hooks.example/")
        receive_evidence(session, ada, row.full_name, table)
        move_repository(session, ada, RepositoryKey("model", other.full_name), "ada/after")
        repository = lock(session, row.id)
        move_ref(session, repository, "refs/tags/v1", repository.head, author="ada")
        move_ref(session, repository, "refs/heads/gone", repository.head, author="ada")
        move_ref(session, repository, "refs/heads/gone", "", author="ada")
        facts = session.scalars(select(BundleFacts)).one()
        far = Listed.mirrored("https://far.example", "eve/x", "0" * 40, visibility="public", at=1)
        said = {"bundle_id": facts.bundle_id, "problem": "", "facts": facts.facts}
        list_mirrored(session, far, keep_facts(session, "f" * 64, said))
        session.add(JobWorker(id="1" * 24, name="busy"))
        session.add(JobWorker(id="2" * 24, name="idle"))

    database.transact(change)
    queue = JobQueue(database)
    for number in range(2):
        asked = FindIn(kind="find", recipe="digits-quick", repository=f"ada/found-{number}")
        operations.submit_job(services, ada, asked)
    assert queue.claim("1" * 24) is not None
    services.close()
    return settings


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = fill(tmp_path_factory.mktemp("filled") / "hub")
    database = sqlite3.connect(settings.folder / "hub.sqlite")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return settings


@functools.cache
def database_at(url: str) -> Database:
    """A database that keeps its compiled statements when it is closed, and may be used again."""
    return Database(url)


def damage(settings: Settings) -> list[DamageFinding]:
    database = database_at(settings.database_url)
    blobs = open_blobs(settings.storage_url, settings.spool)
    try:
        return list(check(database, blobs, contents=False, settled_seconds=0))
    finally:
        database.close()


def needed(settings: Settings) -> set[str]:
    """The files that hold the contents of all commits."""
    database = database_at(settings.database_url)
    with database.read() as connection:
        trees = connection.execute(select(Tree.data).join(Commit, Commit.tree == Tree.oid))
        contents = {e.sha256 for (data,) in trees for e in decode_tree(data).values()}
        columns = (StoredObject.sha256, StoredObject.key, StoredObject.terms)
        rows = [row for row in connection.execute(select(*columns)) if row.sha256 in contents]
        xorbs = {term.xorb for row in rows for term in unpack_terms(row.terms)}
        keys = {row.hash: row.key for row in connection.execute(select(Xorb.hash, Xorb.key))}
    database.close()
    return {row.key for row in rows if row.key} | {keys[xorb] for xorb in xorbs}


def stored(settings: Settings) -> set[str]:
    blobs = open_blobs(settings.storage_url, settings.spool)
    return {file.key for family in ("objects", "xorbs") for file in blobs.storage.files(family)}


def test_the_hub_has_rows_in_every_table_and_no_damage(filled: Settings) -> None:
    database = Database(filled.database_url)
    with database.read() as connection:
        for table in Base.metadata.sorted_tables:
            assert connection.execute(select(table).limit(1)).first() is not None, table.name
    database.close()
    assert damage(filled) == []
    assert needed(filled) < stored(filled)


def lose_each_row(
    filled: Settings, copy: Path, *, every: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A copy of the hub for each of some rows of each table, without that row."""
    source = sqlite3.connect(filled.folder / "hub.sqlite")
    source.row_factory = sqlite3.Row
    for table in Base.metadata.sorted_tables:
        rows = source.execute(f"SELECT rowid, * FROM {table.name} ORDER BY 1").fetchall()
        some = rows[:: max(1, len(rows) - 1)] if table.name in RELIED_ON else rows[-1:]
        for row in rows if every else some:
            shutil.rmtree(copy, ignore_errors=True)
            blobs_only = shutil.ignore_patterns("hub.sqlite*")
            shutil.copytree(filled.folder, copy, copy_function=os.link, ignore=blobs_only)
            shutil.copyfile(filled.folder / "hub.sqlite", copy / "hub.sqlite")
            with sqlite3.connect(copy / "hub.sqlite") as connection:
                key = next(iter(row.keys()))
                connection.execute(f"DELETE FROM {table.name} WHERE {key} = ?", (row[key],))
            connection.close()
            yield table.name, dict(row)
    source.close()


def look_for_lost_rows(filled: Settings, copy: Path, *, every: bool) -> int:
    wanted, count = needed(filled), 0
    for table, row in lose_each_row(filled, copy, every=every):
        settings, count = Settings(folder=copy), count + 1
        found = damage(settings)
        bare = table in BARE and BARE[table](row)
        assert bool(found) != bare, (table, row)
        database = database_at(settings.database_url)
        blobs = open_blobs(settings.storage_url, settings.spool)
        with contextlib.suppress(HubError):
            collect(database, blobs, grace_seconds=-60, xet_seconds=-60)
        database.close()
        assert wanted <= stored(settings), (table, row)
    return count


def test_a_lost_row_of_any_table_is_found_and_costs_no_content(
    filled: Settings, tmp_path: Path
) -> None:
    tables = len(Base.metadata.sorted_tables)
    assert tables < look_for_lost_rows(filled, tmp_path / "copy", every=False) < 2 * tables


@pytest.mark.slow
def test_every_lost_row_is_found_and_costs_no_content(filled: Settings, tmp_path: Path) -> None:
    assert look_for_lost_rows(filled, tmp_path / "copy", every=True) > 80


def test_a_collector_takes_chunks_of_which_no_row_says_that_they_are_used(
    filled: Settings, tmp_path: Path
) -> None:
    """What a hub did that had no such check: the reason for it."""
    copy = Settings(folder=Path(shutil.copytree(filled.folder, tmp_path / "copy")))
    with sqlite3.connect(copy.folder / "hub.sqlite") as connection:
        connection.execute("DELETE FROM xorb_uses")
    connection.close()
    (found,) = damage(copy)
    assert (found.what, "takes chunks from the xorb" in found.problem) == ("object", True)
    database = Database(copy.database_url)
    blobs = open_blobs(copy.storage_url, copy.spool)
    for dry_run in (True, False):
        with pytest.raises(HubError, match="takes chunks from the xorb"):
            collect(database, blobs, grace_seconds=-60, xet_seconds=-60, dry_run=dry_run)
    database.close()
    assert stored(copy) == stored(filled)
