"""A card that a stranger wrote, as HTML that can do nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import nh3
from markupsafe import Markup

from ticket_hub.bundle.card_marks import is_generated

if TYPE_CHECKING:
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

__all__ = ["MAX_BYTES", "render_readme", "without_tables"]

_LEVELS = re.compile(r"^\| level \| density \|.*\n(?:\|.*\n)+\n(?:.+\n)*\n?", re.MULTILINE)
_COSTS = re.compile(r"^## What they cost\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
MAX_BYTES = 256 * 1024
"""Of a card that is shown."""
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n.*?^---[ \t]*\r?$\n?", re.DOTALL | re.MULTILINE)
_LAST_COMMENT = re.compile(r"<!--(?:(?!-->).)*-->\s*\Z", re.DOTALL)
_OUTER_HEADINGS = 2
_LAST_HEADING = 6
_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_SCHEMES = {"http", "https", "mailto"}


@lru_cache(maxsize=128)
def render_readme(text: str) -> Markup:
    """Markdown as safe HTML: no raw HTML, no images, no scripts, no styles.

    Headings go two steps down, below those of the page. An image elsewhere becomes a link to it,
    and one in the repository is left out: the page draws the figures itself. Links into the
    repository lose their target. A comment at the end, such as a card's seal, is left out.
    """
    from markdown_it import MarkdownIt  # slow to import, and few pages have a card

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 20})
    parser.enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    parser.add_render_rule("heading_open", _heading)
    parser.add_render_rule("heading_close", _heading)
    body = _LAST_COMMENT.sub("", _FRONT_MATTER.sub("", text, count=1))
    clean = nh3.clean(
        parser.render(body),
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        attribute_filter=_keep_absolute,
        url_schemes=_SCHEMES,
        link_rel="nofollow noopener noreferrer",
    )
    return Markup(clean)  # noqa: S704 - nh3 has cleaned it


def _keep_absolute(_element: str, attribute: str, value: str) -> str | None:
    if attribute != "href":
        return value
    try:
        scheme = urlsplit(value).scheme
    except ValueError:
        return None
    return value if scheme.lower() in _SCHEMES else None


def _heading(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, _env: EnvType
) -> str:
    token = tokens[index]
    token.tag = f"h{min(int(token.tag[1:]) + _OUTER_HEADINGS, _LAST_HEADING)}"
    return renderer.renderToken(tokens, index, options, _env)


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """A link to the picture instead of the picture: the browser asks no other host by itself."""
    token = tokens[index]
    source = str(token.attrGet("src") or "")
    if _keep_absolute("a", "href", source) is None:
        return ""
    label = renderer.renderInlineAsText(token.children, options, env) or "picture"
    return f'<a href="{nh3.clean_text(source)}">{nh3.clean_text(label)}</a>'


def without_tables(card: str) -> str:
    """A card that was generated without what the ticket's page shows itself: levels, and costs."""
    if not is_generated(card.encode()):
        return card
    return _COSTS.sub("", _LEVELS.sub("", card))
