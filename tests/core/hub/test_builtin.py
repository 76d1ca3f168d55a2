"""The tickets of the package: there at once, whole, and never changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import ticket_hub
from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.errors import (
    BundleDigestError,
    BundleError,
    HubError,
    HubUnavailableError,
    TicketHubError,
    TicketNotFoundError,
)
from ticket_hub.hub import builtin
from ticket_hub.hub.builtin import PACKAGED, builtin_names, stays_as_it_is
from ticket_hub.hub.query import Query
from ticket_hub.runs.locate import Place, resolve
from ticket_hub.transfer.evidence_of_runs import add_evidence

MAX_BYTES = 500_000


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_the_package_has_one_of_the_digits() -> None:
    assert "builtin:digits" in builtin_names()


@pytest.mark.parametrize("name", builtin_names())
def test_each_is_sound_small_and_has_the_evidence_of_controls(name: str) -> None:
    folder = PACKAGED / name.removeprefix("builtin:")
    assert verify_bundle(folder).holds
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < MAX_BYTES
    experiments = open_bundle(folder).experiments()
    controls = {net for each in experiments for level in each.levels for net in level.networks}
    assert {"ticket", "reinit", "dense"} <= controls
    card = (folder / "README.md").read_text("utf-8")
    assert f'Ticket.from_pretrained("{name}")' in card
    assert "license: apache-2.0" in card


@pytest.mark.usefixtures("offline")
def test_it_is_loaded_pulled_and_cited_by_its_name_without_a_network() -> None:
    ticket = ticket_hub.Ticket.from_pretrained("builtin:digits:12")
    assert ticket.level == 12
    assert sum(p.numel() for p in ticket.build().parameters()) == 12_060
    pulled = ticket_hub.pull_bundle("builtin:digits:d0.18")
    assert (pulled.repo, pulled.levels, pulled.fetched) == ("builtin:digits", (8,), ())
    assert ticket_hub.Ticket.load(pulled.folder).level == 8
    cited = ticket_hub.cite_bundle("builtin:digits")
    assert cited.id == open_bundle(pulled.folder).manifest.id


def test_an_address_names_it_with_its_level() -> None:
    digits = PACKAGED / "digits"
    assert resolve("builtin:digits") == Place(bundle=digits, pulled=True)
    assert resolve("builtin:digits:8,12") == Place(bundle=digits, level="8,12", pulled=True)


@pytest.mark.parametrize("text", ["builtin:", "builtin:digit", "builtin:../x", "builtin:digits:no"])
def test_what_the_package_has_not_is_refused(text: str) -> None:
    with pytest.raises(TicketNotFoundError) as refused:
        resolve(text)
    assert "builtin:digits" in str(refused.value) or "level" in str(refused.value)


def test_a_damaged_one_is_noticed_when_it_is_pulled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PACKAGED, tmp_path / "packaged")
    monkeypatch.setattr(builtin, "PACKAGED", tmp_path / "packaged")
    theta0 = tmp_path / "packaged/digits/theta0/3.safetensors"
    theta0.write_bytes(theta0.read_bytes()[:-1] + b"\x01")
    with pytest.raises(BundleDigestError, match=r"theta0/3\.safetensors"):
        ticket_hub.pull_bundle("builtin:digits")


def test_it_stays_as_it_is(tmp_path: Path) -> None:
    digits = PACKAGED / "digits"
    before = {path: path.read_bytes() for path in digits.rglob("*") if path.is_file()}
    assert stays_as_it_is(digits)
    ticket_hub.push_bundle(digits, "ann/digits", hub=tmp_path / "hub")
    with pytest.raises(BundleError, match="stays as"):
        ticket_hub.push_bundle(digits, "ann/digits", hub=tmp_path / "hub", license="mit")
    assert {path: path.read_bytes() for path in digits.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("cache", [None, "cache"])
def test_what_was_pulled_stays_as_it_is_wherever_the_cache_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: str | None
) -> None:
    hub, cache_dir = tmp_path / "hub", cache and tmp_path / cache
    monkeypatch.delenv("TICKET_HOME")  # then runs and the cache of other things lie apart
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    ticket_hub.push_bundle(PACKAGED / "digits", "ann/digits", hub=hub)
    folder = ticket_hub.pull_bundle("ann/digits:all", hub=hub, cache_dir=cache_dir).folder
    manifest = (folder / "ticket.json").read_bytes()
    ticket_hub.push_bundle(folder, "bob/digits", hub=hub)
    with pytest.raises(BundleError, match="was pulled"):
        add_evidence(folder, [])
    assert (folder / "ticket.json").read_bytes() == manifest
    assert ticket_hub.pull_bundle("ann/digits:all", hub=hub, cache_dir=cache_dir).fetched == ()
    with pytest.raises(TicketNotFoundError, match="on this machine already"):
        ticket_hub.pull_bundle(str(folder), hub=hub)


def test_a_manifest_that_was_changed_here_is_fetched_again_where_that_is_asked_for(
    tmp_path: Path,
) -> None:
    hub = tmp_path / "hub"
    ticket_hub.push_bundle(PACKAGED / "digits", "ann/digits", hub=hub)
    folder = ticket_hub.pull_bundle("ann/digits:12", hub=hub).folder
    manifest = (folder / "ticket.json").read_bytes()
    (folder / "ticket.json").write_bytes(manifest.replace(b'"test_accuracy"', b'"test_accuracy" '))
    assert ticket_hub.pull_bundle("ann/digits:12", hub=hub, force_download=True).fetched
    assert (folder / "ticket.json").read_bytes() == manifest


@pytest.mark.usefixtures("offline")
def test_a_search_with_nothing_set_up_finds_it_and_says_that_the_hub_is_silent() -> None:
    told: list[TicketHubError] = []
    found = list(ticket_hub.search_hub(Query(dataset="digits"), report=told.append))
    assert [each.repo for each in found] == ["builtin:digits"]
    assert [type(error) for error in told] == [HubUnavailableError]
    assert [level.index for level in found[0].levels] == [0, 4, 8, 12]
    assert not list(ticket_hub.search_hub(Query(dataset="mnist"), report=told.append))
    with pytest.raises(HubUnavailableError):
        list(ticket_hub.search_hub())


def test_a_hub_that_is_named_is_searched_alone(tmp_path: Path) -> None:
    ticket_hub.push_bundle(PACKAGED / "digits", "ann/digits", hub=tmp_path / "hub")
    assert [each.repo for each in ticket_hub.search_hub(hub=tmp_path / "hub")] == ["ann/digits"]


@pytest.mark.parametrize("limit", [-1, 1.5, True])
def test_what_is_no_number_of_tickets_is_refused(limit: object, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"hub": tmp_path, "limit": limit}
    for listed in (ticket_hub.search_hub, ticket_hub.best_tickets):
        with pytest.raises(HubError, match="not a number of tickets"):
            list(listed(**asked))
