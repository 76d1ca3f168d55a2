"""How figures look: colours that survive printing and colour blindness, and stable bytes."""

from __future__ import annotations

import contextlib
import io
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ticket_hub.recipe.axes import COLORS, CONTROLS
from ticket_hub.recipe.experiment_spec import TICKET
from ticket_hub.report.figure_style import figure_style

__all__ = [
    "INK",
    "PAPER",
    "Look",
    "drawing",
    "image",
    "legend_below",
    "look",
    "pdf",
    "png",
    "svg",
    "theme_css",
    "themed",
    "themed_svg",
]

INK = "#1a1a1a"
"""Of lines and letters on white."""
GRID = "#d0d0d0"
PAPER = "#ffffff"
"""The background."""

# Okabe & Ito, "Color Universal Design" (2008): told apart with every kind of colour vision; the
# yellow is left out, since it cannot be read on white. Dark backgrounds get lighter tones.
BLUE, VERMILLION, GREEN = "#0072b2", "#d55e00", "#009e73"
PURPLE, ORANGE, SKY = "#cc79a7", "#e69f00", "#56b4e9"
_ON_DARK = {
    INK: "#e6e6e6",
    GRID: "#4a4a4a",
    BLUE: "#4db2f0",
    VERMILLION: "#ff8a3d",
    GREEN: "#2fc79b",
    PURPLE: "#e39cc3",
    ORANGE: "#f0b429",
    SKY: "#8fd0f7",
}

_SETTINGS = {
    "svg.hashsalt": "ticket-hub",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.dpi": 150.0,
    "savefig.dpi": 150.0,
}
_ALONE = threading.RLock()


@dataclass(frozen=True)
class Look:
    """How one line is told from the others, also in black and white."""

    color: str
    marker: str
    line: str


_COLORS = dict(zip(COLORS, (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, INK), strict=True))
_CYCLE = [
    Look(BLUE, "o", "-"),
    Look(VERMILLION, "s", "-"),
    Look(GREEN, "D", "-"),
    Look(PURPLE, "v", "-"),
    Look(ORANGE, "^", "-"),
    Look(SKY, "P", "-"),
    Look(INK, "X", "-"),
]

_LAPS = ("-", "--", "-.", ":")


def look(name: str, position: int) -> Look:
    """The look of a series: fixed for the ticket and its controls, by position for others."""
    if name == TICKET:
        return _CYCLE[0]
    control = CONTROLS.entry(name)
    if control is not None and "look" in control.about:
        color, marker, line = control.about["look"]
        return Look(_COLORS[color], marker, line)
    lap, place = divmod(position, len(_CYCLE))
    cycled = _CYCLE[place]
    return Look(cycled.color, cycled.marker, _LAPS[lap % len(_LAPS)])


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Draw and save inside: matplotlib's settings are global, so one thread at a time."""
    settings: Any = {**_SETTINGS, **figure_style().settings()}
    with _ALONE, rc_context(settings):
        yield


def legend_below(figure: Figure, panel: Axes, note: str) -> None:
    """Put the names of a panel's lines below all panels, in rows of even length, under a note."""
    handles, labels = panel.get_legend_handles_labels()
    width = figure.get_figwidth()
    rows = -(-len(labels) // max(1, int(width / (0.55 + 0.062 * max(map(len, labels))))))
    legend = figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=-(-len(labels) // rows),
        title=textwrap.fill(note, int(width * 13)),
    )
    legend.get_title().set_multialignment("center")


def image(figure: Figure, form: str) -> bytes:
    """The figure as `png`, `svg` or `pdf`, on white."""
    if form == "svg":
        return svg(figure).encode()
    return pdf(figure) if form == "pdf" else png(figure)


def pdf(figure: Figure) -> bytes:
    """The figure as PDF with its fonts, on white; the same figure always gives the same bytes."""
    return _saved(figure, "pdf", dict.fromkeys(("CreationDate", "Creator", "Producer")))


def png(figure: Figure) -> bytes:
    """The figure as PNG, 150 pixels an inch unless its style says otherwise, on white."""
    return _saved(figure, "png", {"Software": None})


def svg(figure: Figure) -> str:
    """The figure as SVG on white; the same figure always gives the same bytes."""
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    return _saved(figure, "svg", nothing).decode()


def themed_svg(figure: Figure) -> str:
    """The figure as an SVG element for an HTML page; its colours follow the reader's theme.

    The background is left to the page. `theme_css` gives the colours' definitions.
    """
    text = svg(figure)
    return themed(text[text.index("<svg") :])


def themed(text: str) -> str:
    """An SVG of this module with its colours named as `theme_css` defines them, on no ground."""
    for color in _ON_DARK:
        text = text.replace(color, f"var(--c{color[1:]},{color})")
    return text.replace(PAPER, "none")


def theme_css(selector: str = ":root") -> str:
    """The definitions that turn the colours of `themed_svg` for a dark background."""
    rules = "".join(f"--c{light[1:]}:{dark};" for light, dark in _ON_DARK.items())
    return f"{selector}{{{rules}}}"


def _saved(figure: Figure, form: Literal["png", "svg", "pdf"], metadata: dict[str, None]) -> bytes:
    stream = io.BytesIO()
    style = figure_style()
    with drawing():
        if not style.title and figure.get_suptitle():
            figure.suptitle("").set_in_layout(False)
        _lay_out(figure)
        figure.savefig(stream, format=form, metadata=metadata, facecolor=PAPER, dpi=style.dpi)
    return stream.getvalue()


def _lay_out(figure: Figure) -> None:
    """Give the parts of a figure their places, once for all that is saved of it.

    To save it, matplotlib draws a figure twice where it has a layout engine, and lays it out both
    times, for each format.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        FigureCanvasSVG(figure)  # sizes of texts that no raster rounds
        engine.execute(figure)
        figure.set_layout_engine(None)  # "none" would still draw it twice
