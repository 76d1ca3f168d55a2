"""The catalog follows from the contents: made anew it is the same, and it catches up by itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi
from sqlalchemy import delete, select

from tests.helpers.forked import running_hub
from ticket_hub.errors import HubError, TicketNotFoundError
from ticket_hub.hub import connect, push
from ticket_hub_api import operation
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.background import RunningHub
from ticket_hub_api.catalog.indexing import index_pending
from ticket_hub_api.catalog.ticket_detail import one_ticket
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.ticket_tables import BundleFacts, TicketEntry, TicketLevel, TicketVersion

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
Rows = dict[str, list[tuple[Any, ...]]]


def dump(database: Database) -> Rows:
    """Every row of the catalog, and the words that lead to tickets."""
    with database.read() as connection:
        rows: Rows = {}
        for table in (BundleFacts, TicketVersion, TicketEntry, TicketLevel):
            statement = select(*table.__table__.columns)
            found = connection.execute(statement).all()
            rows[table.__tablename__] = sorted(tuple(row) for row in found)
        if database.is_sqlite:
            words = connection.exec_driver_sql("SELECT rowid, words FROM ticket_words")
            rows["words"] = sorted(tuple(row) for row in words)
    return rows


def fill(hub: RunningHub, tmp_path: Path) -> str:
    """Push two versions of a ticket, a broken one, and something else; the owner's name."""
    client = connect(hub.endpoint, token=hub.token)
    api = HfApi(endpoint=hub.endpoint, token=hub.token)
    owner: str = api.whoami()["name"]
    push(client, GOLDEN, f"{owner}/one")
    push(client, GOLDEN, f"{owner}/two", private=True)
    card = tmp_path / "card.md"
    card.write_text("---\ntags: [lottery-ticket]\n---\n# Mine\n")
    api.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id=f"{owner}/one")
    push(client, GOLDEN, f"{owner}/broken")
    api.upload_file(path_or_fileobj=card, path_in_repo="metrics.json", repo_id=f"{owner}/broken")
    plain = api.create_repo(f"{owner}/plain").repo_id
    api.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id=plain)
    return owner


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, str]:
    """A stopped hub with tickets, and their owner; a test leaves the catalog as it found it."""
    database, folder = "", tmp_path_factory.mktemp("filled")
    if request.param == "postgresql":
        database = request.getfixturevalue("shared_database")
    settings = Settings(folder=folder / "hub", database=database)
    with pytest.MonkeyPatch.context() as patch, running_hub(settings) as hub:
        patch.setenv("TICKET_HOME", str(folder / "home"))
        patch.setenv("HF_HOME", str(folder / "huggingface"))
        owner = fill(hub, folder)
    return settings, owner


def test_made_anew_the_catalog_is_the_same(filled: tuple[Settings, str]) -> None:
    settings, owner = filled
    database = Database(settings.database_url)
    before = dump(database)
    assert [row[4:7] for row in before["tickets"]] != []
    damaged = list(operation.rebuild_index(settings))
    assert dump(database) == before
    assert [each["repo"] for each in damaged] == [f"{owner}/broken"]
    assert "metrics.json" in damaged[0]["problem"]
    with database.write() as session:
        for table in (TicketLevel, TicketEntry, TicketVersion, BundleFacts):
            session.execute(delete(table))
        if database.is_sqlite:
            session.connection().exec_driver_sql("DELETE FROM ticket_words")
    viewer = Principal(account_id="1" * 24, name="root", scope="admin")
    with database.read() as connection, pytest.raises(TicketNotFoundError, match="still being"):
        one_ticket(connection, viewer, f"{owner}/one")
    with operation.open_hub(settings) as hub:
        assert index_pending(hub) == sum(1 for _ in before["ticket_versions"])
        assert index_pending(hub) == 0
    assert dump(database) == before
    database.close()


def test_what_a_crash_left_unlisted_is_listed_later(filled: tuple[Settings, str]) -> None:
    settings, _ = filled
    database = Database(settings.database_url)
    before = dump(database)
    with database.write() as session:
        session.execute(delete(TicketLevel))
        session.execute(delete(TicketEntry))
        session.execute(delete(TicketVersion))
    database.close()
    assert operation.migrate_database(settings)[0] == operation.migrate_database(settings)[1]
    database = Database(settings.database_url)
    after = dump(database)
    assert after["tickets"] == before["tickets"]
    database.close()


def test_another_hubs_tickets_are_listed_with_a_link_and_without_their_files(
    tmp_path: Path, start: Callable[..., RunningHub], call_to: Callable[..., Any]
) -> None:
    far = start(folder=tmp_path / "far")
    owner = fill(far, tmp_path)
    near = start(folder=tmp_path / "near", mirrors=far.endpoint + "/, https://other.example")
    with pytest.raises(HubError, match="not among"):
        list(operation.index_mirrored(near.settings, [owner], "https://evil.example"))
    done = as_operator(far, near, owner)
    assert {each["repo"].partition("/")[2]: each["done"] for each in done} == {
        "one": "listed", "two": "left out", "broken": "listed", "plain": "left out",
    }  # fmt: skip
    call = call_to(near)
    page = call("GET", f"/api/v1/tickets?owner={owner}&sort=name&descending=false").json
    assert [item["repo"].partition("/")[2] for item in page["items"]] == ["broken", "one"]
    assert {item["source"] for item in page["items"]} == {far.endpoint}
    one = call("GET", f"/api/v1/tickets/{owner}/one").json
    assert (one["source"], one["description"]["checked"]) == (far.endpoint, False)
    refused = call("GET", f"/api/v1/tickets/{owner}/one/levels/2/mask")
    assert (refused.status, far.endpoint in refused.json["remedy"]) == (400, True)
    refused = call("GET", f"/api/v1/compare?ticket={owner}/one&ticket={owner}/one")
    assert (refused.status, far.endpoint in refused.json["remedy"]) == (400, True)
    objects = [path for path in (near.settings.folder / "blobs").rglob("*") if path.is_file()]
    assert objects == []
    assert [each["done"] for each in as_operator(far, near, owner)].count("unchanged") == 2
    HfApi(endpoint=far.endpoint, token=far.token).delete_repo(f"{owner}/one")
    assert "gone" in [each["done"] for each in as_operator(far, near, owner)]
    assert call("GET", f"/api/v1/tickets/{owner}/one").status == 404


def as_operator(far: RunningHub, near: RunningHub, owner: str) -> list[dict[str, str]]:
    """What `ticket hub index` does, with the operator's token for the other hub."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", far.endpoint)
        patch.setenv("HF_TOKEN", far.token)
        return list(operation.index_mirrored(near.settings, [owner], far.endpoint))


def test_evidence_is_read_from_the_curves_and_not_from_what_the_manifest_states(
    tmp_path: Path, hub: RunningHub, owner: str, call: Callable[..., Any]
) -> None:
    from ticket_hub.bundle import encoding

    bundle = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    manifest = encoding.decode((bundle / "ticket.json").read_bytes())
    claimed = [replace(level, verdict="winning") for level in manifest.levels]
    default = replace(manifest.default, level=4, rule="verdict")
    forged = replace(manifest, levels=tuple(claimed), default=default)
    (bundle / "ticket.json").write_bytes(encoding.encode(forged))
    api = HfApi(endpoint=hub.endpoint, token=hub.token)
    repo = api.create_repo(f"{owner}/forged").repo_id
    api.upload_folder(repo_id=repo, folder_path=bundle)
    (item,) = call("GET", "/api/v1/tickets?text=forged").json["items"]
    assert (item["level"], item["rule"], item["verdict"]) == (
        2, "mean-within-margin", "not distinguishable",
    )  # fmt: skip
    about = call("GET", f"/api/v1/tickets/{repo}").json["description"]
    assert about["disagrees"] == [0, 1, 2, 3, 4]
