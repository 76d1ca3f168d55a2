"""The transfer matrix as a heat map: every cell says its number, its interval and its verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ticket_hub.errors import EvidenceError
from ticket_hub.evidence import Rule, count_text
from ticket_hub.evidence.rows import IDENTICAL
from ticket_hub.report.figure_style import figure_style
from ticket_hub.report.style import INK, drawing
from ticket_hub.transfer.matrix import Cell, Matrix
from ticket_hub.transfer.tables import EvidenceRow

__all__ = ["MARKS", "matrix_figure", "short_name"]

MARKS = {
    "winning": "\N{BLACK UP-POINTING TRIANGLE}",
    "matching": "\N{BLACK CIRCLE}",
    "not distinguishable": "\N{WHITE CIRCLE}",
    "losing": "\N{BLACK DOWN-POINTING TRIANGLE}",
    "none": "?",
}
"""Of the verdict on a ticket, which is over all of its controls."""

COMPARED = {
    "beaten": MARKS["winning"],
    "not inferior": MARKS["matching"],
    "not shown": MARKS["not distinguishable"],
    "better": MARKS["losing"],
    IDENTICAL: "=",
}
"""Of the comparison with one control, by the verdict in its row."""
_CLAIMS = {
    "beaten": "the ticket is shown to be better",
    "not inferior": "not inferior by more than {margin:g} points",
    "not shown": "neither is shown",
    "better": "the control is shown to be better",
    IDENTICAL: "the same networks",
}

# Blue and vermillion are told apart with every kind of colour vision; in print without colours the
# sign in the cell tells them apart. Cells and their text keep their colours on a dark page, so that
# these are a little off the ones that a theme turns.
_SIGNED = LinearSegmentedColormap.from_list("signed", ["#d45d01", "#fcfcfc", "#0171b1"])
_PLAIN = LinearSegmentedColormap.from_list("plain", ["#f7fbff", "#6baed6", "#08306b"])
_ON_PALE, _ON_DARK = "#111111", "#fefefe"
_DARK = 0.179
"""Relative luminance (WCAG 2) below which white reads better than black."""
MIN_SCALE = 1.0
"""Points at the ends of the scale, or more: what is small shall not look large."""

CELL = (1.6, 0.72)
"""Width and height of a cell, in inches."""
MIN_SIZE = (6.2, 3.3)
MAX_LENGTH = 24
LETTERS = 16
"""Of the legend, an inch."""
_INTERVALS = {"student-t": "Student-t", "bootstrap": "bootstrap"}


@dataclass(frozen=True)
class _Shade:
    """From a number to the colours of its cell."""

    norm: Normalize
    colors: Colormap

    def of(self, value: float) -> tuple[tuple[float, ...], str]:
        """The cell's colour, and that of its text."""
        red, green, blue, _ = (float(part) for part in self.colors(self.norm(value)))
        luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
        return (red, green, blue), _ON_DARK if luminance < _DARK else _ON_PALE


def matrix_figure(matrix: Matrix, against: str | None = None, *, title: str = "") -> Figure:
    """Draw one quantity of every cell.

    Args:
        against: the control whose difference to the ticket is drawn, in colours that are centred
            at 0; None draws the ticket's own test accuracy.

    Raises:
        EvidenceError: the matrix was not measured against this control, or has no cell.
    """
    lines = list(matrix.lines())
    found = [each for cell in matrix.cells if (each := _row(cell, against))]
    if not found:
        raise EvidenceError(
            f"No ticket was measured against {against!r}.",
            f"The controls are {', '.join(matrix.controls)}.",
        )
    shades = _shades(matrix, found, against)
    width = max(MIN_SIZE[0], 2.9 + CELL[0] * len(matrix.data))
    height = max(MIN_SIZE[1], 1.9 + CELL[1] * len(lines))
    with drawing():
        size = (figure_style().width or width, height)
        figure = Figure(figsize=size, layout="constrained")
        panel = figure.subplots()
        for row, line in enumerate(lines):
            for cell in line:
                place = (matrix.data.index(cell.data), row)
                _draw(panel, place, cell, against, shades[cell.data])
        _axes(panel, matrix, lines)
        if against is not None:
            shade = shades[matrix.data[0]]
            bar = figure.colorbar(ScalarMappable(shade.norm, shade.colors), ax=panel, aspect=15)
            bar.set_label(f"test accuracy,\nticket minus {against} (points)")
        figure.suptitle(title)
        lines_below = _legend(matrix, against).splitlines()
        wrapped = [textwrap.fill(line, int(size[0] * LETTERS)) for line in lines_below]
        figure.supxlabel("\n".join(wrapped), fontsize=7.5)
    return figure


def short_name(name: str) -> str:
    """A data set's or a ticket's name as it fits a label: of a path the last part."""
    tail = name.rstrip("/").rpartition("/")[2] if name.startswith(("folder:", "/")) else name
    return (
        tail
        if len(tail) <= MAX_LENGTH
        else f"{tail[: MAX_LENGTH - 9]}\N{HORIZONTAL ELLIPSIS}{tail[-8:]}"
    )


def _row(cell: Cell, against: str | None) -> EvidenceRow | None:
    return cell.row(against or "ticket")


def _number(row: EvidenceRow, against: str | None) -> float:
    return 100 * (row.accuracy if against is None else row.gain or 0.0)


def _shades(matrix: Matrix, found: Sequence[EvidenceRow], against: str | None) -> dict[str, _Shade]:
    """By data set: one for all differences, one each for accuracies, which no two sets share."""
    if against is not None:
        most = max(MIN_SCALE, *(abs(_number(each, against)) for each in found))
        return dict.fromkeys(matrix.data, _Shade(Normalize(-most, most), _SIGNED))
    shades = {}
    for name in matrix.data:
        rows = [_row(cell, None) for cell in matrix.cells if cell.data == name]
        numbers = [_number(each, None) for each in rows if each is not None]
        low, high = min(numbers, default=0.0), max(numbers, default=0.0)
        shades[name] = _Shade(Normalize(low - 0.5, high + 0.5), _PLAIN)
    return shades


def _mark(cell: Cell, row: EvidenceRow, against: str | None) -> str:
    """Of the verdict that the cell is about: on the ticket, or on the one comparison."""
    if against is None:
        return MARKS[cell.verdict or "none"]
    return COMPARED.get(row.verdict, COMPARED["not shown"])  # also where a correction forbids it


def _draw(
    panel: Axes, place: tuple[int, int], cell: Cell, against: str | None, shade: _Shade
) -> None:
    column, row = float(place[0]), float(place[1])
    found = _row(cell, against)
    if found is None:
        _write(panel, (column, row), "not measured", INK, size=7.5)
        return
    number = _number(found, against)
    color, ink = shade.of(number)
    corner = (column - 0.5, row - 0.5)
    panel.add_patch(Rectangle(corner, 1, 1, facecolor=color, edgecolor=_ON_DARK, linewidth=1.5))
    if cell.data == cell.found_on:
        inset = (column - 0.455, row - 0.455)
        panel.add_patch(Rectangle(inset, 0.91, 0.91, fill=False, edgecolor=ink, linewidth=1.2))
    form = "+.2f" if against else ".2f"
    text = f"{number:{form}} {_mark(cell, found, against)}"
    _write(panel, (column, row - 0.14), text, ink, size=10.0)
    _write(panel, (column, row + 0.2), _bounds(found, against, form), ink, size=7.5)


def _write(
    panel: Axes,
    place: tuple[float, float],
    text: str,
    ink: str,
    *,
    size: float,
) -> None:
    panel.text(*place, text, color=ink, size=size, ha="center", va="center")


def _bounds(row: EvidenceRow, against: str | None, form: str) -> str:
    pair = (
        (row.accuracy_low, row.accuracy_high) if against is None else (row.gain_low, row.gain_high)
    )
    low, high = pair
    if row.verdict == IDENTICAL:
        return IDENTICAL
    if low is None or high is None:
        return "no interval"
    return f"{100 * low:{form}} to {100 * high:{form}}"


def _axes(panel: Axes, matrix: Matrix, lines: Sequence[Sequence[Cell]]) -> None:
    panel.set_xlim(-0.5, len(matrix.data) - 0.5)
    panel.set_ylim(len(lines) - 0.5, -0.5)
    panel.grid(visible=False)
    panel.tick_params(length=0)
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)
    panel.set_xticks(
        range(len(matrix.data)),
        [textwrap.fill(short_name(name), 16, break_long_words=False) for name in matrix.data],
    )
    panel.set_yticks(range(len(lines)), [_about(line) for line in lines])
    panel.set_xlabel("data set that the ticket is trained on")
    panel.set_ylabel("ticket and weights left")


def _about(line: Sequence[Cell]) -> str:
    """The ticket and its weights that are left; a fresh output layer may leave more of them."""
    shares = sorted({f"{100 * cell.density:.3g}" for cell in line}, key=float)
    span = shares[0] if len(shares) == 1 else f"{shares[0]} to {shares[-1]}"
    return f"{short_name(line[0].ticket)}\nlevel {line[0].level}: {span}%"


def _family(matrix: Matrix) -> str:
    if matrix.family:
        return f"for {matrix.family} comparisons; intervals are not corrected"
    return "within the cell"


def _compared(matrix: Matrix, against: str) -> list[tuple[Cell, EvidenceRow]]:
    return [(cell, row) for cell in matrix.cells if (row := _row(cell, against)) is not None]


def _legend(matrix: Matrix, against: str | None) -> str:
    """What the numbers, marks and frames are, n, and the kind of interval."""
    sizes = sorted({(cell.n, cell.tickets or 0): cell for cell in matrix.cells}.items())
    counts = " or ".join(count_text(cell.n, cell.tickets) for _, cell in sizes)
    kinds = " or ".join(sorted({_INTERVALS[cell.interval] for cell in matrix.cells}))
    what = "paired difference" if against else "test accuracy (%) at the early stop"
    confidence = Rule(margin=matrix.margin, alpha=matrix.alpha).confidence if against else 0.95
    spans = f"{100 * confidence:g}%"
    parts = [f"mean {what} of n = {counts}, below it the {spans} {kinds} interval"]
    if against is None:
        seen = {cell.verdict or "none" for cell in matrix.cells}
        marks = [f"{mark} {word}" for word, mark in MARKS.items() if word in seen]
        parts.append(f"verdict on the ticket: {', '.join(marks)}")
        parts.append("colours: darker is more accurate, on each data set by itself")
    else:
        claims = {
            mark: claim.format(margin=100 * matrix.margin)
            for word, claim in _CLAIMS.items()
            for mark in [COMPARED[word]]
            if any(_mark(cell, row, against) == mark for cell, row in _compared(matrix, against))
        }
        marks = [f"{mark} {claim}" for mark, claim in claims.items()]
        parts.append(f"{', '.join(marks)}: after Holm's correction {_family(matrix)}")
    if any(cell.data == cell.found_on for cell in matrix.cells):
        parts.append("framed: the data that the ticket was found on")
    return "\n".join(parts)
