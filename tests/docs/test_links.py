"""Links between the pages, and from them to files, lead to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ticket_hub
import ticket_hub_api

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")])
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s:]+)\)")


def place_of(path: Path) -> Path:
    """Where a file of the repository is, also where the packages are those of a wheel."""
    for package in (ticket_hub, ticket_hub_api):
        home = Path(str(package.__file__)).parent
        checkout = ROOT / ("" if package is ticket_hub else "api") / home.name
        if path.is_relative_to(checkout):
            return home / path.relative_to(checkout)
    return path


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each).lower() for each in headings]
    return {re.sub(r"[^\w\- ]", "", each).replace(" ", "-") for each in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_what_is_there(page: Path) -> None:
    dead = []
    for link in _LINK.findall(_CODE.sub("", page.read_text("utf-8"))):
        target, _, anchor = link.partition("#")
        path = place_of((page.parent / target).resolve()) if target else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            dead.append(link)
    assert dead == []


def test_the_readme_links_the_first_page() -> None:
    assert "](docs/index.md)" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda page: page.name)
def test_the_first_page_leads_to_every_other(page: Path) -> None:
    index = (ROOT / "docs/index.md").read_text("utf-8")
    assert page.name == "index.md" or f"]({page.name})" in index
