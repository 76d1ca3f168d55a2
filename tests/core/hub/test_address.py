from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticket_hub.errors import HubNotFoundError, TicketNotFoundError
from ticket_hub.hub.address import Address, PlaceLike, named_place, named_places, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann/lenet", Address(repo="ann/lenet")),
        ("ann/lenet:best", Address(repo="ann/lenet", level="best")),
        ("ann/lenet@v1:7", Address(repo="ann/lenet", revision="v1", level="7")),
        ("ann/le.net@a/b:3,7,11", Address(repo="ann/le.net", revision="a/b", level="3,7,11")),
        ("ann/lenet:d0.036", Address(repo="ann/lenet", level="d0.036")),
        ("ann/lenet:all", Address(repo="ann/lenet", level="all")),
    ],
)
def test_an_address_names_repository_revision_and_level(text: str, expected: Address) -> None:
    assert parse_address(text) == expected


def test_a_folder_with_a_bundle_is_taken_wherever_an_id_could_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ann/lenet").mkdir(parents=True)
    (tmp_path / "ann/lenet/ticket.json").touch()
    monkeypatch.chdir(tmp_path)
    assert parse_address("ann/lenet:3") == Address(folder=Path("ann/lenet"), level="3")
    assert parse_address(f"{tmp_path}/ann/lenet").folder == tmp_path / "ann/lenet"


@pytest.mark.parametrize("text", ["./nothing", "/nothing", "lenet", "a/b/c", "a/../b", "", "a b/c"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(TicketNotFoundError):
        parse_address(text)


@pytest.mark.parametrize("revision", ["../main", "a//b", "", "-x", "a..b"])
def test_what_cannot_be_a_revision_is_refused(revision: str) -> None:
    with pytest.raises(HubNotFoundError, match="revision"):
        parse_address(f"ann/lenet@{revision}")


def test_an_unknown_level_is_refused_with_the_forms_that_exist() -> None:
    with pytest.raises(TicketNotFoundError, match=r":d0\.036"):
        parse_address("ann/lenet:sparsest")


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(TicketNotFoundError, HubNotFoundError):
        found = parse_address(text.replace("\0", ""))
        assert (found.folder is None) != (found.repo is None)


@dataclass
class Loaded:
    folder: Path | None
    level: int


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ("ann/lenet:7", ["ann/lenet:7"]),
        (Path("run"), ["run"]),
        (Loaded(Path("run/bundle"), 7), ["run/bundle:7"]),
        (["ann/lenet", Path("run"), Loaded(Path("b"), 0)], ["ann/lenet", "run", "b:0"]),
    ],
)
def test_places_have_the_names_that_commands_take(
    places: PlaceLike | list[PlaceLike], names: list[str]
) -> None:
    assert named_places(places) == names


@pytest.mark.parametrize("place", [7, None, Loaded(None, 7), b"run"])
def test_what_names_no_place_is_refused(place: PlaceLike) -> None:
    with pytest.raises(TicketNotFoundError, match="names no ticket"):
        named_place(place)
