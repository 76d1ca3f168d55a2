from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tests.core.report.test_transfers import matrix
from tests.helpers.ladders import curves, measured, series
from ticket_hub.comparison.ladder import MeasuredLadder
from ticket_hub.report.figure_style import FigureStyle, styled
from ticket_hub.report.figures import ladder_figure
from ticket_hub.report.forest import Branch, forest_figure
from ticket_hub.report.heatmap import matrix_figure
from ticket_hub.report.learning import learning_figure


def test_networks_that_stop_at_one_place_all_show_their_mark() -> None:
    same = measured(1, [curves(4, 0.98)] * 3)
    figure = learning_figure({"ticket": same, "reinit": same, "dense": same}, title="x")
    for panel in figure.axes:
        marks = [line for line in panel.lines if len(line.get_xdata()) == 1]  # type: ignore[arg-type]
        assert len({str(mark.get_xydata()) for mark in marks}) == 1
        assert [mark.get_markerfacecolor() for mark in marks] == ["none"] * 3
        sizes = [mark.get_markersize() for mark in marks]
        assert all(before - after > 1.5 for before, after in itertools.pairwise(sizes))
    assert "open mark: means at the early stop" in figure.legends[0].get_title().get_text()


def test_a_sentence_stands_where_there_is_nothing_to_draw() -> None:
    one = curves(4, 0.98)
    unread = dataclasses.replace(
        one, validation_loss=torch.full_like(one.validation_loss, torch.nan)
    )
    panel = learning_figure({"ticket": measured(1, [unread] * 3)}, title="x").axes[1]
    assert [text.get_text() for text in panel.texts] == ["No validation loss was read."]
    assert not panel.axison
    (alone,) = forest_figure([]).axes
    assert [text.get_text() for text in alone.texts] == ["Nothing was compared."]


def test_networks_at_one_density_stand_apart_and_within_their_own_room() -> None:
    for levels in (2, 20):
        tickets = [series(name, 0.001, levels=levels) for name in ("ticket", "reinit", "shuffle")]
        ladder = MeasuredLadder(title="x", series=tuple(tickets), dense=tickets[0].rungs[0])
        panel = ladder_figure(ladder).axes[0]
        points = [container.lines[0].get_xdata() for container in panel.containers]  # type: ignore[attr-defined] # ErrorbarContainers
        places = np.log(np.array(points, dtype=np.float64))
        axis = abs(places[0, 0] - places[0, -1])
        neighbours = np.abs(np.diff(places, axis=0)) / axis
        assert neighbours.min() > 0.008
        assert neighbours.sum(0).max() < 0.5 / (levels - 1)


def test_what_stands_below_a_narrow_figure_fits_it() -> None:
    branch = Branch(label="21%", name="reinit", mean=0.01, low=0.0, high=0.02, n="5 tickets")
    with styled(FigureStyle(width=3.5)):
        figures = forest_figure([branch]), matrix_figure(matrix(1, 1), "reinit")
        for figure in figures:
            FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call] # of matplotlib
            (note,) = [text for text in figure.texts if "interval" in text.get_text()]
            box = note.get_window_extent()
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.x1
