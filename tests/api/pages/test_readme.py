from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tests.helpers.payloads import PAYLOADS
from ticket_hub_api.pages.readme import render_readme

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ALLOWED = {"a": {"href", "title", "rel"}, "ol": {"start"}}


class Elements(HTMLParser):
    """Every element with its attributes, as a browser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_there_are_at_least_fifty_payloads() -> None:
    assert len(set(PAYLOADS)) >= 50


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_of_a_payload_can_run_or_load(payload: str) -> None:
    for tag, attributes in Elements(render_readme(payload)).found:
        assert tag not in {"script", "img", "svg", "iframe", "style", "link", "base", "form"}
        assert set(attributes) <= ALLOWED.get(tag, set())
        target = attributes.get("href")
        assert target is None or target.startswith(("http://", "https://", "mailto:"))


def test_no_payload_runs_in_a_browser_even_without_our_policy(chromium: Browser) -> None:
    context = chromium.new_context(java_script_enabled=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for payload in PAYLOADS:
        page.set_content(f"<!doctype html><main>{render_readme(payload)}</main>")
        for link in page.locator("main a:not([href^=http]):not([href^=mailto])").all():
            link.click(force=True)
        assert page.evaluate("window.planted") is None, payload
    context.close()
    assert asked == []


def test_headings_stand_below_those_of_the_page() -> None:
    text = render_readme("# One\n\n## Two\n\n##### Five")
    assert text == "<h3>One</h3>\n<h4>Two</h4>\n<h6>Five</h6>\n"


def test_the_front_matter_is_left_out() -> None:
    assert render_readme("---\ntags:\n- a\n---\n\nText\n") == "<p>Text</p>\n"
    assert "Text" in render_readme("Text\n\n---\n\nMore\n\n---\n")


def test_pictures_become_links() -> None:
    text = render_readme("![A *figure*](https://a.example/x.png)")
    assert 'href="https://a.example/x.png"' in text
    assert "A figure" in text
    assert "<img" not in text


def test_links_into_the_repository_lose_their_target() -> None:
    assert "href" not in render_readme("[x](ticket.json) [y](/account/tokens) [z](//evil.example)")


def test_tables_and_code_are_kept() -> None:
    text = render_readme("| a | b |\n|---|---:|\n| 1 | `2` |\n\n```python\nx = 1\n```\n")
    for part in ("<table>", "<th>a</th>", "<code>2</code>", "<pre><code>x = 1\n</code></pre>"):
        assert part in text


def test_deep_nesting_is_no_trouble() -> None:
    assert render_readme("> " * 5000 + "x")
    assert render_readme("[" * 20000)
    assert render_readme("*a " * 20000)
