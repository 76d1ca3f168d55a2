"""The page about the house names rooms and modules that exist, and every room that there is."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs/architecture.md").read_text("utf-8")
PACKAGES = {
    "ticket_hub": "ticket_hub",
    "api/ticket_hub_api": "ticket_hub_api",
    "cli/ticket_hub_cli": "ticket_hub_cli",
}


def home(package: str) -> Path:
    """Where a package is, in a checkout or installed."""
    return Path(str(importlib.import_module(PACKAGES[package]).__file__)).parent


def named() -> dict[str, Path]:
    """Every path that the page names, and where it is."""
    found = {}
    for package in PACKAGES:
        for path in re.findall(rf"`({package}/[^`\s]*)`", PAGE):
            found[path] = home(package) / path.removeprefix(f"{package}/")
    return found


@pytest.mark.parametrize(("name", "place"), sorted(named().items()))
def test_what_the_page_names_is_there(name: str, place: Path) -> None:
    assert place.is_dir() if name.endswith("/") else place.exists()


@pytest.mark.parametrize("package", ["ticket_hub", "api/ticket_hub_api"])
def test_every_room_is_on_the_page(package: str) -> None:
    rooms = {path.parent.name for path in home(package).glob("*/__init__.py")}
    assert {room for room in rooms if f"`{package}/{room}/`" not in PAGE} == set()


def test_there_are_three_walks() -> None:
    assert len(re.findall(r"^### From ", PAGE, re.MULTILINE)) == 3
