from __future__ import annotations

import csv
import io
import itertools
import re
import struct
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy import stats

from tests.helpers.ladders import measured
from ticket_hub.comparison.bundles import ReportSubject
from ticket_hub.comparison.ladder import ErrorBar, MeasuredLadder, Series
from ticket_hub.comparison.ladder_tables import LadderRow, ladder_csv, ladder_rows, ladder_table
from ticket_hub.errors import RecipeError
from ticket_hub.report.figure_style import FigureStyle, styled
from ticket_hub.report.figures import ladder_figure
from ticket_hub.report.learning import curves_figure
from ticket_hub.report.page import page
from ticket_hub.report.style import pdf, png, svg, themed_svg
from ticket_hub.report.write import Form, write_report
from ticket_hub.table import Table
from ticket_hub.training import Curves


def _words(figure: Figure) -> str:
    legend = figure.legends[0]
    texts = [text.get_text() for text in legend.get_texts()] + [legend.get_title().get_text()]
    for panel in figure.axes:
        texts += [panel.get_xlabel(), panel.get_ylabel()]
    return "\n".join(texts)


def test_a_bar_spans_the_least_to_the_greatest_trial() -> None:
    assert ErrorBar.of([3.0, 1.0, 2.0]) == ErrorBar(mean=2.0, low=1.0, high=3.0, n=3)


def test_an_interval_is_student_s() -> None:
    values = [97.9, 98.3, 98.0, 98.4, 97.8]
    low, high = stats.t.interval(0.95, 4, loc=98.08, scale=stats.sem(values))
    spread = ErrorBar.of(values, "interval")
    assert spread.low == pytest.approx(low)
    assert spread.high == pytest.approx(high)


def test_what_is_drawn_is_read_at_the_first_minimum_of_the_validation_loss(
    ladder: MeasuredLadder,
) -> None:
    rung = ladder.series[0].rungs[2]
    assert rung.outcome.early_stop == tuple(
        int(each.iterations[each.validation_loss.argmin()]) for each in rung.curves
    )
    altered = [
        replace(each, test_accuracy=torch.rand_like(each.test_accuracy)) for each in rung.curves
    ]
    assert measured(2, altered).outcome.early_stop == rung.outcome.early_stop


def test_the_density_axis_runs_from_dense_to_sparse_on_a_log_scale(ladder: MeasuredLadder) -> None:
    for panel in ladder_figure(ladder).axes:
        left, right = panel.get_xlim()
        assert left > 100 > 100 * 0.8**5 > right
        assert panel.get_xscale() == "log"


def test_densities_that_lie_close_share_a_tick(ladder: MeasuredLadder) -> None:
    near = tuple(
        replace(
            each, rungs=tuple(replace(rung, density=0.97 * rung.density) for rung in each.rungs)
        )
        for each in ladder.series[1:]
    )
    panel = ladder_figure(replace(ladder, series=(ladder.series[0], *near))).axes[0]
    ticks = [float(place) for place in panel.get_xticks()]
    assert all(left / right > 1.05 for left, right in itertools.pairwise(ticks))
    assert len(ticks) > 2


def test_points_are_means_with_bars_over_the_trials(ladder: MeasuredLadder) -> None:
    alone = replace(ladder, series=ladder.series[:1])
    panel = ladder_figure(alone).axes[0]
    (line, _, _) = panel.containers[0].lines  # type: ignore[attr-defined] # an ErrorbarContainer
    rungs = alone.series[0].rungs
    means = [100 * sum(rung.outcome.accuracy) / rung.n for rung in rungs]
    assert line.get_ydata() == pytest.approx(means)
    assert line.get_xdata() == pytest.approx([100 * rung.density for rung in rungs])


@pytest.mark.parametrize("bars", ["range", "interval"])
def test_axes_have_units_and_the_figure_states_n_and_the_kind_of_bar(
    bars: str, ladder: MeasuredLadder
) -> None:
    words = _words(ladder_figure(ladder, bars=bars))  # type: ignore[arg-type] # one of the two
    assert "weights remaining (%)" in words
    assert "test accuracy at early stop (%)" in words
    assert "n = 3 tickets" in words
    assert {"range": "least to greatest", "interval": "95% Student-t"}[bars] in words
    assert all(name in words for name in ["ticket", "reinit", "random", "dense"])
    words = _words(curves_figure(ladder))
    assert "n = 3 tickets" in words
    assert "validation loss (nats)" in words


def test_lines_differ_in_more_than_color(ladder: MeasuredLadder) -> None:
    panel = ladder_figure(ladder).axes[0]
    lines = [container.lines[0] for container in panel.containers]  # type: ignore[attr-defined]
    assert len({(str(line.get_marker()), line.get_linestyle()) for line in lines}) == len(lines)


@pytest.mark.parametrize("width", [4.0, 9.0])
@pytest.mark.parametrize("draw", [ladder_figure, curves_figure])
def test_no_text_overlaps_another_or_leaves_the_figure(
    draw: object, width: float, ladder: MeasuredLadder
) -> None:
    assert callable(draw)
    figure: Figure = draw(ladder, width=width)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.legends[0].get_texts()]
    boxes.append(figure.legends[0].get_title().get_window_extent(renderer))
    for panel in figure.axes:
        ticks = [t for t in panel.get_xticklabels() + panel.get_yticklabels() if t.get_text()]
        low, high = sorted(panel.get_xlim())
        shown = [
            t
            for t in ticks
            if t not in panel.get_xticklabels() or low <= t.get_position()[0] <= high
        ]
        boxes += [t.get_window_extent(renderer) for t in shown if _is_inside(panel, t)]
        boxes += [panel.xaxis.label.get_window_extent(renderer)]
        boxes += [panel.yaxis.label.get_window_extent(renderer)]
    for number, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])


def _is_inside(panel: object, text: object) -> bool:
    low, high = sorted(panel.get_ylim())  # type: ignore[attr-defined]
    return bool(
        text not in panel.get_yticklabels()  # type: ignore[attr-defined]
        or low <= text.get_position()[1] <= high  # type: ignore[attr-defined]
    )


def test_a_single_trial_of_a_single_level_can_be_drawn(ladder: MeasuredLadder) -> None:
    first = ladder.series[0].rungs[0]
    one = measured(0, first.curves[:1])
    alone = MeasuredLadder(title="one", series=(Series(name="ticket", rungs=(one,)),), dense=one)
    assert "n = 1 ticket;" in _words(ladder_figure(alone, bars="interval"))
    assert "n = 1 ticket;" in _words(curves_figure(alone))


def test_where_the_test_set_was_read_once_the_curves_are_of_the_validation_set(
    ladder: MeasuredLadder,
) -> None:
    rung = ladder.series[0].rungs[1]
    hidden = []
    for each in rung.curves:
        test = torch.full_like(each.test_accuracy, torch.nan)
        test[each.early_stop] = 0.97
        hidden.append(replace(each, test_accuracy=test))
    once = Series(name="ticket", rungs=(measured(1, hidden),))
    words = _words(curves_figure(replace(ladder, series=(once,))))
    assert "validation accuracy (%)" in words


def test_trials_that_stopped_early_are_drawn_as_far_as_all_went(ladder: MeasuredLadder) -> None:
    rung = ladder.series[0].rungs[1]
    first = rung.curves[0]
    short = Curves.of_columns(first.columns[:8])
    mixed = Series(name="ticket", rungs=(measured(1, [short, *rung.curves[1:]]),))
    panel = curves_figure(replace(ladder, series=(mixed,))).axes[1]
    assert panel.lines[0].get_xydata()[-1, 0] == 700  # type: ignore[index] # an array


def test_an_svg_has_the_same_bytes_in_another_process(
    tmp_path: Path, ladder: MeasuredLadder
) -> None:
    import pickle

    kept = tmp_path / "ladder.pickle"
    kept.write_bytes(pickle.dumps(ladder))
    code = (
        "import pickle, sys, pathlib; from ticket_hub.report.figures import *; "
        "from ticket_hub.report.learning import *; "
        "from ticket_hub.report.style import svg; "
        f"ladder = pickle.loads(pathlib.Path({str(kept)!r}).read_bytes()); "
        "sys.stdout.write(svg(ladder_figure(ladder)) + svg(curves_figure(ladder))); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert other.decode() == svg(ladder_figure(ladder)) + svg(curves_figure(ladder))


def test_an_svg_names_no_date_and_no_maker(ladder: MeasuredLadder) -> None:
    text = svg(ladder_figure(ladder))
    assert "dc:date" not in text
    assert "Matplotlib" not in text


def test_drawing_leaves_the_user_s_settings_alone(ladder: MeasuredLadder) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    svg(ladder_figure(ladder))
    assert dict(mpl.rcParams) == before


def test_the_table_has_the_figure_s_numbers(ladder: MeasuredLadder) -> None:
    rows = ladder_rows(ladder)
    assert len(rows) == 18
    assert rows[0].against_dense is None
    assert rows[1].against_dense == pytest.approx(-0.001)
    parsed = list(csv.DictReader(io.StringIO(Table.of_fields(LadderRow, rows).csv())))
    assert [float(row["test_accuracy"]) for row in parsed] == [row.test_accuracy for row in rows]
    assert "| reinit | 5 | 32.77 | 3 tickets |" in ladder_table(ladder).markdown()


def test_training_accuracy_stands_in_tables_where_it_was_read(ladder: MeasuredLadder) -> None:
    assert "train_accuracy" not in ladder_csv(ladder).csv()
    series = ladder.series[0]
    rungs = [
        replace(
            rung,
            curves=tuple(replace(c, train_accuracy=c.test_accuracy + 0.01) for c in rung.curves),
        )
        for rung in series.rungs
    ]
    read = replace(ladder, series=(replace(series, rungs=tuple(rungs)), *ladder.series[1:]))
    rows = ladder_csv(read).json()
    assert rows[0]["train_accuracy"] == pytest.approx(rows[0]["test_accuracy"] + 0.01)
    assert rows[-1]["train_accuracy"] is None
    assert "training minus test (points)" in ladder_table(read).markdown()
    assert "| +1.00 |" in ladder_table(read).markdown()


class _Outside(HTMLParser):
    """Collects whatever a page would ask another place for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "link", "img", "iframe", "object"}:
            self.found.append(tag)
        for name, value in attrs:
            local = (value or "").startswith("#")
            if name in {"src", "href", "xlink:href", "srcset"} and not local:
                self.found.append(f"{tag} {name}={value}")


def test_the_page_asks_no_other_place_for_anything(ladder: MeasuredLadder) -> None:
    text = page(ladder, facts={"id": "abc"}, recipe="a = 1", notes=["n"])
    parser = _Outside()
    parser.feed(text)
    assert parser.found == []
    assert not re.search(r"url\((?!#)|@import", text)


def test_the_page_shows_what_it_was_given_as_text(ladder: MeasuredLadder) -> None:
    hostile = "<script>alert(1)</script>"
    text = page(replace(ladder, title=hostile), facts={hostile: hostile}, recipe=hostile)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 4


def test_the_page_s_figures_follow_the_reader_s_theme(ladder: MeasuredLadder) -> None:
    text = page(ladder, facts={})
    used = set(re.findall(r"var\((--c[0-9a-f]{6}),", themed_svg(ladder_figure(ladder))))
    assert used
    dark = text[text.index("prefers-color-scheme:dark") : text.index("body{")]
    assert all(f"{name}:" in dark for name in used)


def test_every_form_is_written_and_named(ladder: MeasuredLadder, tmp_path: Path) -> None:
    written = write_report(ReportSubject(ladder=ladder), tmp_path / "new", get_args(Form))
    assert sorted(path.name for path in written) == [
        "curves.pdf",
        "curves.png",
        "curves.svg",
        "ladder.csv",
        "ladder.md",
        "ladder.pdf",
        "ladder.png",
        "ladder.svg",
        "report.html",
    ]
    assert all(path.stat().st_size > 100 for path in written)
    assert (tmp_path / "new/ladder.png").read_bytes().startswith(b"\x89PNG")


def test_a_paper_s_figures_have_their_size_resolution_and_letters(
    ladder: MeasuredLadder, tmp_path: Path
) -> None:
    (tmp_path / "own.mplstyle").write_text("font.size: 5")
    paper = FigureStyle(dpi=300, width=3.5, title=False, text=True, file=tmp_path / "own.mplstyle")
    with styled(paper):
        data = png(ladder_figure(ladder))
        text = svg(ladder_figure(ladder))
        first, second = (pdf(ladder_figure(ladder)) for _ in range(2))
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (1050, 1575)
    assert ">weights remaining (%)</text>" in text
    assert ladder.title not in text
    assert "5px" in text
    assert first == second
    assert first.startswith(b"%PDF")
    assert ladder_figure(ladder).get_suptitle() == ladder.title
    assert "<text" not in svg(ladder_figure(ladder))


@pytest.mark.parametrize("wrong", [{"dpi": 1}, {"width": 0.1}, {"file": Path("none.mplstyle")}])
def test_a_style_that_cannot_be_is_refused(wrong: dict[str, Any], ladder: MeasuredLadder) -> None:
    with pytest.raises(RecipeError), styled(FigureStyle(**wrong)):
        svg(ladder_figure(ladder))
