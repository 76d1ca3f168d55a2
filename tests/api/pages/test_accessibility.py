"""Every page in both themes and two widths: headings in order, labels, no overflow."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.helpers.browsing import Reader, Shown, Visit
from ticket_hub_api.background import RunningHub
from ticket_hub_api.pages.security import POLICY

if TYPE_CHECKING:
    from playwright.sync_api import Browser

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
    overflow: document.documentElement.scrollWidth - innerWidth,
  };
}"""


def pages_of(shown: Shown) -> list[str]:
    both = f"/compare?tickets={shown.controlled},{shown.plain}"
    jobs = ["/transfer", "/jobs", "/jobs/new", "/jobs/new?kind=find", "/operator"]
    ticket = f"/tickets/{shown.controlled}"
    return ["/", "/sign-in", "/account", ticket, both, *jobs, "/nothing-here"]


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_can_be_read_by_everyone(
    chromium: Browser, hub: RunningHub, shown: Shown, width: int, theme: str
) -> None:
    visit = Visit(
        chromium, hub.endpoint, color_scheme=theme, viewport={"width": width, "height": 900}
    )
    visit.sign_in(hub.token)
    for path in pages_of(shown):
        visit.page.goto(path)
        found = visit.page.evaluate(AUDIT)
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
    visit.close()


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
