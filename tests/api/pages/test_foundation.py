from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from ticket_hub_api.app import ROUTERS
from ticket_hub_api.pages.forms import checked_fields, safe_path
from ticket_hub_api.pages.rendering import templates
from ticket_hub_api.pages.router import TAG
from ticket_hub_api.pages.security import POLICY
from ticket_hub_api.pages.static_files import static_files

PAGES = Path(str(files("ticket_hub_api.pages")))
STYLE = (PAGES / "static/style.css").read_text()


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def colors() -> dict[str, tuple[str, str]]:
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", STYLE)
    return {name: (light, dark) for name, light, dark in found}


def test_every_text_stands_out_in_both_themes() -> None:
    known = colors()
    pairs = [
        (text, back) for text in ("ink", "soft", "link", "losing") for back in ("paper", "band")
    ]
    words = ("winning", "matching", "undecided", "losing")
    pairs += [(word, f"{word}-band") for word in words] + [("on-action", "action")]
    pairs += [
        (text, f"{word}-band") for text in ("ink", "link") for word in ("winning", "undecided")
    ]
    for text, back in pairs:
        for theme in (0, 1):
            assert contrast(known[text][theme], known[back][theme]) >= 4.5, (text, back, theme)


def test_edges_and_focus_stand_out_in_both_themes() -> None:
    known = colors()
    for name in ("edge", "focus", "action"):
        for theme in (0, 1):
            assert contrast(known[name][theme], known["paper"][theme]) >= 3, (name, theme)


def test_every_colour_is_named_once() -> None:
    body = STYLE.split("}", 1)[1]
    assert re.findall(r"#[0-9a-f]{3,8}\b|rgb|hsl", body) == []


def test_the_policy_allows_no_inline_code_and_no_other_host() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert "*" not in POLICY


def test_who_replayed_and_who_signed_are_told_apart() -> None:
    vouched = templates().get_template("macros.html").module.vouched  # type: ignore[attr-defined] # a macro

    def said(**facts: object) -> str:
        found = {"replays": 0, "identical": 0, "signed_by": ""} | facts
        return re.sub("<[^>]+>", "", str(vouched(found))).strip()

    both = said(replays=2, identical=1, signed_by="ada")
    assert both == "replayed by 2, 1 to the bit; signed by ada"
    assert said(replays=2) == "replayed by 2"
    assert said(signed_by="ada") == "signed by ada"
    assert said() == "\N{EN DASH}"


def test_templates_have_no_inline_script_style_or_handler() -> None:
    for template in (PAGES / "templates").glob("*.html"):
        text = template.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|\|\s*safe\b", text), (
            template.name
        )
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), template.name
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text), template.name


def test_static_files_are_named_by_their_content() -> None:
    assert {"style.css", "htmx.min.js", "htmx.LICENSE.txt", "pages.js"} <= set(static_files())
    for file in static_files().values():
        assert re.fullmatch(r"[\w.-]+\.[0-9a-f]{16}\.(css|js|svg|txt)", file.name)


def test_every_form_route_demands_the_form_token() -> None:
    routes = [route for router in ROUTERS for route in router.routes if TAG in route.tags]  # type: ignore[attr-defined] # APIRoute
    changing = [route for route in routes if route.methods - {"GET", "HEAD"}]  # type: ignore[attr-defined] # APIRoute
    assert changing
    for route in changing:
        calls = [each.call for each in route.dependant.dependencies]  # type: ignore[attr-defined] # APIRoute
        assert checked_fields in calls, route


def test_a_form_leads_on_to_this_service_only() -> None:
    assert safe_path("/tickets/ada/lenet?a=b") == "/tickets/ada/lenet?a=b"
    for elsewhere in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "evil",
        "",
        "/a\nb",
    ):
        assert safe_path(elsewhere) == "/"
