"""A hub's database of every released schema comes to the newest one with all that is in it."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, create_engine, insert, select

from ticket_hub.errors import HubError
from ticket_hub_api import operation
from ticket_hub_api.accounts.accounts import account_names
from ticket_hub_api.accounts.principals import ANONYMOUS, Principal
from ticket_hub_api.catalog.ticket_detail import one_ticket
from ticket_hub_api.catalog.ticket_query import TicketFilter
from ticket_hub_api.catalog.tickets import page_of
from ticket_hub_api.hub_protocol.creation import LARGE_PATTERNS
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import (
    MIGRATIONS,
    _versions,
    check_schema,
    current_version,
    migrate,
    newest_version,
)

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
RELEASED = sorted(path.name.removesuffix(".sql") for path in (GOLDEN / "hub-schema").glob("*.sql"))
STRANGER = Principal(account_id="0" * 24, name="eve", scope="read")
ADMIN = Principal(account_id="1" * 24, name="root", scope="admin")


def older_hub(version: str, folder: Path) -> Path:
    """The SQLite file of a hub that an older version of the service filled, and its contents."""
    file = folder / "hub.sqlite"
    folder.mkdir()
    with sqlite3.connect(file) as connection:
        connection.executescript((GOLDEN / f"hub-schema/{version}.sql").read_text())
        keys = dict(connection.execute("SELECT sha256, key FROM objects"))
    connection.close()
    attributes = "".join(f"{name} filter=lfs diff=lfs merge=lfs -text\n" for name in LARGE_PATTERNS)
    files = (path.read_bytes() for path in (GOLDEN / "format-1").rglob("*") if path.is_file())
    contents = {hashlib.sha256(data).hexdigest(): data for data in (attributes.encode(), *files)}
    assert set(contents) >= set(keys)
    for sha256, key in keys.items():
        target = folder / "blobs" / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(contents[sha256])
    return file


def copy_rows(source: str, target: Database) -> None:
    """What is in an SQLite database, into another one of the same schema."""
    engine, tables = create_engine(source), MetaData()
    tables.reflect(engine)
    with engine.connect() as old, target.writer.begin() as new:
        for table in tables.sorted_tables:
            rows = [dict(row._mapping) for row in old.execute(select(table))]
            if rows and not table.name.startswith(("alembic_version", "ticket_words")):
                new.execute(insert(table), rows)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database the hub has."""
    name: str = request.param
    return name


def hub_of(version: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A hub whose database is of an older schema."""
    folder = tmp_path / "hub"
    file = older_hub(version, folder)
    if kind == "sqlite":
        return Settings(folder=folder)
    settings = Settings(folder=folder, database=request.getfixturevalue("fresh_database"))
    database = Database(settings.database_url)
    migrate(database, version)
    copy_rows(f"sqlite:///{file}", database)
    database.close()
    return settings


@pytest.mark.parametrize("version", RELEASED)
def test_an_older_hub_is_upgraded_with_its_tickets_listed(
    version: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    settings = hub_of(version, kind, request, tmp_path)
    assert operation.migrate_database(settings) == (version, newest_version())
    assert list(operation.find_damage(settings, contents=True)) == []
    database = Database(settings.database_url)
    check_schema(database)
    assert {row["name"] for row in account_names(database)} == {"ada", "lab"}
    with database.read() as connection:
        everything = page_of(connection, TicketFilter(sort="name", descending=False), ADMIN)
        assert [item.repo for item in everything.items] == ["ada/golden", "lab/hidden"]
        for viewer, seen in ((STRANGER, 1), (ANONYMOUS, 0)):
            assert len(page_of(connection, TicketFilter(text="golden"), viewer).items) == seen
            assert page_of(connection, TicketFilter(text="hidden"), viewer).total == 0
        (revision, *_) = one_ticket(connection, STRANGER, "ada/golden", "v1").revisions
        assert revision.tags == ("v1",)
    database.close()


@pytest.mark.parametrize("version", ["0005", "v99"])
def test_a_schema_that_no_release_had_is_refused_and_left_as_it_is(
    version: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    settings = hub_of("v1", kind, request, tmp_path)
    database = Database(settings.database_url)
    with database.writer.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{version}'")
    with pytest.raises(HubError, match=f"'{version}', which is of no release") as refused:
        operation.migrate_database(settings)
    assert "push to it again" in refused.value.remedy
    assert current_version(database) == version
    database.close()


@pytest.mark.parametrize("version", RELEASED)
def test_each_step_of_an_upgrade_keeps_what_is_there(
    version: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    settings = hub_of(version, kind, request, tmp_path)
    database = Database(settings.database_url)
    while current_version(database) != newest_version():
        migrate(database, "+1")
        assert len(account_names(database)) == 2
    check_schema(database)
    assert len(account_names(database)) == 2
    database.close()


def test_versions_are_read_as_alembic_reads_them() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert newest_version() == scripts.get_current_head()
    assert set(_versions()) == {script.revision for script in scripts.walk_revisions()}
