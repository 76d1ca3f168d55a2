from __future__ import annotations

import dataclasses
import itertools

import torch

from tests.helpers.ladders import curves, measured
from ticket_hub.report.forest import forest_figure
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
