"""The figure of a bundle's card: its ladder, as an SVG that is nothing but lines and shapes."""

from __future__ import annotations

import re
from pathlib import Path

from matplotlib.figure import Figure

from ticket_hub.bundle import Bundle, amend_bundle, open_bundle
from ticket_hub.bundle.figure import NAMESPACES
from ticket_hub.bundle.layout import FIGURE
from ticket_hub.comparison.bundles import subject
from ticket_hub.errors import EvidenceError
from ticket_hub.report.figures import ladder_figure
from ticket_hub.report.style import svg, theme_css, themed
from ticket_hub.runs.lock import owned

__all__ = [
    "ADAPTIVE_STYLE",
    "adaptive_svg",
    "adaptive_text",
    "card_figure",
    "illustrate_bundle",
    "inert_svg",
]

WIDTH = 9.0
ADAPTIVE_STYLE = f"@media (prefers-color-scheme:dark){{{theme_css()}}}"
"""Makes the colours of a figure follow the theme of whoever looks at it."""
_STYLE = re.compile(r'style="([^"]*)"')
_ID = re.compile(r' id="([^"]*)"')
_USED = re.compile(r"#([A-Za-z0-9_.-]+)")


def illustrate_bundle(folder: Path) -> bool:
    """Draw the ladder of a bundle into it, and show it on its card; False where nothing is to do.

    Nothing is to do where the figure is there, or nothing was measured. A README.md that the user
    wrote stays. The bundle of a run is not touched while a search works on it.

    Raises:
        RunLockedError: another process works in the run.
        BundleError: a file of it breaks the format or is not what the manifest says.
        StorageError: the folder may not be written.
    """
    bundle = open_bundle(folder)
    if FIGURE in bundle.manifest.files:
        return False
    with owned(folder):
        try:
            data = card_figure(open_bundle(folder))
        except EvidenceError:
            return False
        amend_bundle(folder, figure=data)
    return True


def card_figure(bundle: Bundle) -> bytes:
    """The ladder of a bundle as its card shows it: the same bytes for the same evidence.

    Raises:
        BundleError: its evidence breaks the format or is not what the manifest says.
        EvidenceError: nothing was measured.
    """
    return inert_svg(ladder_figure(subject(bundle).ladder, width=WIDTH)).encode()


def inert_svg(figure: Figure) -> str:
    """A figure as SVG on white, without style sheets, declarations, comments and unused names.

    A bundle takes no other (see `ticket_hub.bundle.figure`), and a page that forbids styles shows
    it as it is.
    """
    text = svg(figure)
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->|<style.*?</style>", "", text, flags=re.DOTALL)
    text = _STYLE.sub(lambda found: _attributes(found[1]), text)
    used = set(_USED.findall(text))
    text = _ID.sub(lambda found: found[0] if found[1] in used else "", text)
    names = " ".join(f'{key}="{value}"' for key, value in NAMESPACES.items())
    for value in NAMESPACES.values():
        text = re.sub(rf' xmlns(:xlink)?="{re.escape(value)}"', "", text)
    opening = f'<svg {names} stroke-linejoin="round" stroke-linecap="butt"'
    return re.sub(r"\s*\n\s*", "\n", text.replace("<svg", opening, 1))


def adaptive_svg(figure: Figure) -> str:
    """A figure as an SVG file whose colours follow the theme of the page that shows it.

    `ADAPTIVE_STYLE` is its only style sheet: a policy that forbids all others admits it by digest.
    """
    return adaptive_text(inert_svg(figure))


def adaptive_text(text: str) -> str:
    """The same of an SVG in the colours of `ticket_hub.report.style`, without a style sheet."""
    opening, _, rest = themed(text).partition(">")
    return f"{opening}><style>{ADAPTIVE_STYLE}</style>{rest}"


def _attributes(style: str) -> str:
    """`fill: #ffffff; stroke: none` as attributes of the same meaning."""
    pairs = [part.split(":", 1) for part in style.split(";") if ":" in part]
    return " ".join(f'{name.strip()}="{value.strip()}"' for name, value in pairs)
