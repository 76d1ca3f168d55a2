"""The same hub on PostgreSQL and on an object store, and the schema's way there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from huggingface_hub import HfApi
from sqlalchemy import inspect

from ticket_hub.errors import HubError
from ticket_hub_api.accounts import accounts
from ticket_hub_api.background import RunningHub
from ticket_hub_api.maintenance.check import check
from ticket_hub_api.maintenance.collect import collect
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.blobs import open_blobs
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import check_schema, current_version, migrate, newest_version
from ticket_hub_api.store.tables import Base

WORDS = ("ticket_words", "tickets_by_words")  # indexes of words, which SQLAlchemy cannot declare
Start = Callable[..., RunningHub]
RunClient = Callable[..., str]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Any:  # noqa: ANN401 - a generator
    """A database without tables, of either kind."""
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    if request.param == "postgresql":
        url = Settings(database=request.getfixturevalue("fresh_database")).database_url
    database = Database(url)
    yield database
    database.close()


def test_migrations_lead_to_the_tables_that_the_code_uses(empty: Database) -> None:
    with pytest.raises(HubError, match="another version"):
        check_schema(empty)
    migrate(empty)
    check_schema(empty)
    assert current_version(empty) == newest_version()
    with empty.read() as connection:
        own = {"include_object": lambda _thing, name, *_: not name.startswith(WORDS)}
        context = MigrationContext.configure(connection, opts=own)
        assert compare_metadata(context, Base.metadata) == []
        names = set(inspect(connection).get_table_names())
    names = {name for name in names if not name.startswith(WORDS)}
    assert names == {*Base.metadata.tables, "alembic_version"}


def test_migrating_twice_changes_nothing(empty: Database) -> None:
    migrate(empty)
    accounts.add_user(empty, "ada")
    migrate(empty)
    assert [row["name"] for row in accounts.account_names(empty)] == ["ada"]


def test_the_stock_client_works_on_postgresql(
    start: Start, run_client: RunClient, fresh_database: str
) -> None:
    hub = start(database=fresh_database)
    assert "done" in run_client("use_everything.py", target=hub)
    check_and_collect(hub)


def check_and_collect(hub: RunningHub) -> None:
    """No damage is found, and when all is deleted, all goes."""
    database = Database(hub.settings.database_url)
    blobs = open_blobs(hub.settings.storage_url, hub.settings.spool)
    assert list(check(database, blobs)) == []
    collect(database, blobs, grace_seconds=-60, xet_seconds=-60)
    assert list(check(database, blobs)) == []
    assert not list(blobs.storage.files("xorbs"))
    database.close()


def test_the_stock_client_works_on_an_object_store(
    start: Start,
    run_client: RunClient,
    object_store: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub = start(storage="s3://team/tickets", environment=object_store)
    assert "done" in run_client("use_everything.py", target=hub)
    assert "done" in run_client("use_everything.py", target=hub, xet=False)
    for name, value in object_store.items():
        monkeypatch.setenv(name, value)
    check_and_collect(hub)


def test_damage_in_an_object_store_is_found(
    start: Start, object_store: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = start(storage="s3://team/damaged", environment=object_store)
    api = HfApi(endpoint=hub.endpoint, token=hub.token)
    name = api.create_repo("r").repo_id
    api.upload_file(path_or_fileobj=os.urandom(50_000), path_in_repo="a.bin", repo_id=name)
    for key, value in object_store.items():
        monkeypatch.setenv(key, value)
    database = Database(hub.settings.database_url)
    blobs = open_blobs(hub.settings.storage_url, hub.settings.spool)
    files = [*blobs.storage.files("objects"), *blobs.storage.files("xorbs")]
    assert len(files) == 2
    for file in files:
        blobs.storage.delete(file.key)
    assert {found.what for found in check(database, blobs)} == {"object", "xorb"}
    database.close()
