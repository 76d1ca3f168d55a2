"""Every page in both themes and two widths: headings in order, labels, no overflow."""

from __future__ import annotations

import re
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.helpers.browsing import Reader, Shown, Visit
from ticket_hub_api.background import RunningHub
from ticket_hub_api.pages.security import POLICY

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
WIDTHS = (390, 1440)
AUDIT = """() => {
  const named = (e) => e.labels?.length || e.getAttribute('aria-label')
    || e.getAttribute('aria-labelledby') || e.textContent.trim() || e.type === 'hidden';
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  return {
    headings: [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => +h.tagName[1]),
    unnamed: [...document.querySelectorAll('input,select,textarea,button,a')]
      .filter(e => !named(e)).map(e => e.outerHTML),
    pictures: [...document.images].filter(i => !i.alt).map(i => i.src),
    tables: [...document.querySelectorAll('table')].filter(t => !t.closest('.card'))
      .filter(t => !t.caption || [...t.tHead.querySelectorAll('th')].some(h => h.scope !== 'col'))
      .map(t => t.innerText),
    twice: ids.filter((id, place) => ids.indexOf(id) !== place),
    targets: [...document.querySelectorAll('a[href^="#"]')]
      .filter(a => !document.getElementById(a.hash.slice(1))).map(a => a.hash),
    mains: document.querySelectorAll('main').length,
    language: document.documentElement.lang,
    look: [matchMedia('(prefers-color-scheme: dark)').matches, innerWidth],
    overflow: document.documentElement.scrollWidth - innerWidth,
  };
}"""


def pages_of(shown: Shown) -> list[str]:
    both = f"/compare?tickets={shown.controlled},{shown.plain}"
    jobs = ["/leaderboard", "/transfer", "/jobs", "/jobs/new", "/jobs/new?kind=find", "/operator"]
    ticket = f"/tickets/{shown.controlled}"
    return ["/", "/sign-in", "/account", ticket, both, *jobs, "/nothing-here"]


@pytest.fixture(scope="module")
def audits(
    chromium: Browser, hub: RunningHub, shown: Shown
) -> dict[tuple[Theme, int], dict[str, Any]]:
    """What the audit finds on every page: opened once, looked at in each theme and width."""
    visit = Visit(chromium, hub.endpoint)
    visit.sign_in(hub.token)
    found: dict[tuple[Theme, int], dict[str, Any]] = {look: {} for look in product(THEMES, WIDTHS)}
    for path in pages_of(shown):
        visit.page.goto(path)
        for (theme, width), pages in found.items():
            visit.page.emulate_media(color_scheme=theme)
            visit.page.set_viewport_size({"width": width, "height": 900})
            pages[path] = visit.page.evaluate(AUDIT)
            assert pages[path]["look"] == [theme == "dark", width]
    visit.close()
    return found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
def test_every_page_can_be_read_by_everyone(
    audits: dict[tuple[Theme, int], dict[str, Any]], shown: Shown, width: int, theme: Theme
) -> None:
    pages = audits[theme, width]
    assert list(pages) == pages_of(shown)
    for path, found in pages.items():
        for trouble in ("unnamed", "pictures", "tables", "twice", "targets"):
            assert found[trouble] == [], (path, trouble)
        headings = found["headings"]
        assert headings[0] == 1, path
        assert headings.count(1) == 1, path
        steps = pairwise(headings)
        assert all(below - above <= 1 for above, below in steps), (path, headings)
        assert found["mains"] == 1
        assert found["language"] == "en"
        assert found["overflow"] <= 0, (path, width)


def test_the_keyboard_reaches_the_content_first(visit: Visit) -> None:
    visit.page.goto("/sign-in")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "main"


def test_every_page_carries_the_policy(member: Reader, shown: Shown) -> None:
    for path in pages_of(shown):
        page = member.get(path, Accept="text/html")
        assert page.headers["Content-Security-Policy"] == POLICY, path
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "same-origin"
        for address in re.findall(r'(?:src|href|action)="([^"#?]*)', page.text):
            if not address.startswith("https://"):
                assert not address or address.startswith("/"), address
