from __future__ import annotations

import dataclasses
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.typing import ColorType

from ticket_hub.errors import EvidenceError
from ticket_hub.report.heatmap import COMPARED, MARKS, matrix_figure
from ticket_hub.report.runs import report_run
from ticket_hub.report.style import svg
from ticket_hub.report.transfers import matrix_page
from ticket_hub.transfer import Cell, Matrix
from ticket_hub.transfer.stored import find_transfer
from ticket_hub.transfer.tables import EvidenceRow

WORDS = ["winning", "matching", "not distinguishable", "losing", None]


def row(network: str, gain: float | None, low: float | None, high: float | None) -> EvidenceRow:
    return EvidenceRow(
        level=7,
        network=network,
        density=0.2,
        n=5,
        accuracy=0.9,
        accuracy_low=0.89,
        accuracy_high=0.91,
        early_stop=1000.0,
        gain=gain,
        gain_low=low,
        gain_high=high,
        verdict="beaten" if low is not None and low > 0 else "not shown",
    )


def cell(ticket: str, data: str, place: int) -> Cell:
    gain = 0.01 * (place % 5 - 2)
    return Cell(
        ticket=ticket,
        data=data,
        found_on="mnist",
        level=7,
        density=0.2 if data == "mnist" else 0.25,
        transferred=0.2,
        head="keep",
        n=5,
        interval="student-t",
        verdict=WORDS[place % 5],
        reason=f"reason <{place}>",
        trials_needed=None,
        run="cells/x",
        rows=(
            row("ticket", None, None, None),
            row("reinit", gain, gain - 0.005, gain + 0.005),
            row("dense", gain - 0.02, None, None),
        ),
    )


def matrix(tickets: int, data: int) -> Matrix:
    names = tuple(f"ticket-{number}" for number in range(tickets))
    sets = ("mnist", "fashion-mnist", "emnist-letters", "usps", "folder:/some/where/photos")[:data]
    cells = [cell(t, d, i + j) for i, t in enumerate(names) for j, d in enumerate(sets)]
    return Matrix(tickets=names, data=sets, controls=("reinit", "dense"), cells=tuple(cells))


def words(found: Matrix, against: str | None) -> list[str]:
    panel = matrix_figure(found, against).axes[0]
    return [text.get_text() for text in panel.texts]


def filled(panel: Axes) -> list[Patch]:
    """The cells, without the frames in them."""
    return [patch for patch in panel.patches if patch.get_fill()]


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (6, 5)])
def test_every_cell_says_its_difference_its_interval_and_its_verdict(size: tuple[int, int]) -> None:
    found = matrix(*size)
    expected = []
    for each in found.cells:
        gain = 100 * (each.row("reinit") or each.rows[0]).gain  # type: ignore[operator]
        expected += [
            f"{gain:+.2f} {COMPARED['beaten' if gain > 0.5 else 'not shown']}",
            f"{gain - 0.5:+.2f} to {gain + 0.5:+.2f}",
        ]
    assert words(found, "reinit") == expected


def test_the_figure_says_what_its_axes_marks_and_intervals_are() -> None:
    figure = matrix_figure(matrix(2, 5), "reinit", title="Digits elsewhere")
    panel, bar = figure.axes
    assert "data set" in panel.get_xlabel()
    assert "weights left" in panel.get_ylabel()
    assert "(points)" in bar.get_ylabel()
    assert [label.get_text() for label in panel.get_xticklabels()][-1] == "photos"
    assert [label.get_text() for label in panel.get_yticklabels()] == [
        "ticket-0\nlevel 7: 20 to 25%",
        "ticket-1\nlevel 7: 20 to 25%",
    ]
    legend = figure.get_supxlabel()
    assert "n = 5 runs, of how many tickets is not recorded" in legend
    assert "95% Student-t interval" in legend
    assert f"{COMPARED['beaten']} the ticket is shown to be better" in legend
    assert f"{COMPARED['not shown']} neither is shown" in legend
    assert "after Holm's correction" in legend
    assert "found on" in legend


def test_accuracies_are_coloured_within_their_data_set() -> None:
    found = matrix(3, 2)
    cells = tuple(
        dataclasses.replace(
            each,
            rows=(
                dataclasses.replace(each.rows[0], accuracy=base + place / 100),
                *each.rows[1:],
            ),
        )
        for place in range(3)
        for base, each in zip((0.3, 0.9), found.cells[2 * place :][:2], strict=True)
    )
    figure = matrix_figure(dataclasses.replace(found, cells=cells))
    (panel,) = figure.axes  # no bar of colours: there is no one scale
    faces = [to_rgb(face.get_facecolor()) for face in filled(panel)]
    assert faces[0::2] == faces[1::2]
    assert len(set(faces)) == 3
    legend = figure.get_supxlabel()
    assert all(f"{MARKS[word or 'none']} {word or 'none'}" in legend for word in WORDS[:4])
    assert "on each data set by itself" in legend


def test_the_colours_of_a_difference_are_centred_at_nothing() -> None:
    found = matrix(1, 5)
    panel, bar = matrix_figure(found, "reinit").axes
    low, high = bar.get_ylim()
    assert low == -high
    faces = [to_rgb(face.get_facecolor()) for face in filled(panel)]
    worse, nothing, better = faces[0], faces[2], faces[4]
    assert worse[0] > worse[2]  # more red than blue
    assert better[2] > better[0]
    assert min(nothing) > 0.97


def test_text_can_be_read_on_every_cell() -> None:
    def luminance(color: ColorType) -> float:
        red, green, blue = to_rgb(color)
        return float(0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2)

    for against in ("reinit", None):
        panel = matrix_figure(matrix(5, 5), against).axes[0]
        for place, face in enumerate(filled(panel)):
            colors = (panel.texts[2 * place].get_color(), face.get_facecolor())
            pair = [luminance(color) for color in colors]
            assert (max(pair) + 0.05) / (min(pair) + 0.05) > 4.4


def test_an_interval_that_is_not_known_is_not_drawn_as_one() -> None:
    assert "no interval" in words(matrix(1, 1), "dense")


def test_a_control_that_was_not_trained_is_refused() -> None:
    with pytest.raises(EvidenceError, match="'shuffle'"):
        matrix_figure(matrix(1, 1), "shuffle")


def test_the_same_matrix_gives_the_same_bytes() -> None:
    one, two = (svg(matrix_figure(matrix(2, 3), "reinit")) for _ in range(2))
    assert one == two
    ET.fromstring(one)


def test_the_page_needs_no_other_file_and_escapes_what_others_wrote() -> None:
    text = matrix_page(matrix(2, 3))
    assert text.startswith("<!doctype html>")
    assert "reason &lt;1&gt;" in text
    assert "<script" not in text
    for start in ('src="', 'href="http', "@import", "url(http"):
        assert start not in text
    assert text.count("<figure>") == 3


def test_a_finished_transfer_is_reported_by_its_folder(tmp_path: Path) -> None:
    found = matrix(2, 3)
    ticket = dict.fromkeys(("network", "found_on", "recipe", "recipe_digest", "bundle"), "<x>")
    about = {"who": "Ada", "tickets": {"ticket-0": ticket | {"pulled": "ann/lenet@1"}}}
    found.write(tmp_path, about)
    assert json.loads((tmp_path / "matrix.json").read_bytes())["who"] == "Ada"
    assert find_transfer(str(tmp_path)) == tmp_path
    assert find_transfer(str(tmp_path / "x")) is None
    written = report_run(tmp_path, tmp_path / "report", ["svg", "csv", "md", "html", "png"])
    assert [path.name for path in written] == [
        "matrix-accuracy.svg",
        "matrix-reinit.svg",
        "matrix-dense.svg",
        "matrix.csv",
        "matrix.md",
        "report.html",
        "matrix-accuracy.png",
        "matrix-reinit.png",
        "matrix-dense.png",
    ]
    page = (tmp_path / "report/report.html").read_text()
    assert "pulled from ann/lenet@1" in page
    assert "<x>" not in page
    assert written[3].read_bytes() == (tmp_path / "matrix.csv").read_bytes()
