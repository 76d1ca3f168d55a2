from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import ticket_hub
from ticket_hub.comparison import experiment_study
from ticket_hub.comparison.numbers import numbers
from ticket_hub.report.experiments import report_experiment
from ticket_hub.report.forest import differences_figure
from ticket_hub.report.learning import learning_figure
from ticket_hub.transfer import RetrainResult, retrain
from ticket_hub.transfer.stored import StoredExperiment, read_experiment


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RetrainResult:
    changes = {
        "network.name": "lenet-8",
        "training.iterations": 20,
        "training.evaluate_every": 5,
        "training.backend": "stack",
        "search.levels": 2,
        "search.trials": 3,
    }
    place = tmp_path_factory.mktemp("experiment")
    run = place / "found"
    ticket_hub.find("digits-quick", changes=changes, run_folder=run, workers=1)
    against = ["reinit", "shuffle", "dense"]
    return retrain(f"{run}:all", against=against, trials=3, run_folder=place / "run", workers=1)


def test_a_forest_has_a_row_for_each_level_and_control(result: RetrainResult) -> None:
    figure = differences_figure(result.levels, title="a ticket")
    (panel,) = figure.axes
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert len(labels) == 6
    assert [label.rpartition(" ")[2] for label in labels] == ["reinit", "shuffle", "dense"] * 2
    assert "(points)" in panel.get_xlabel()
    note = figure.get_supxlabel().replace("\n", " ")
    assert "mean of pairs, n = 3 tickets" in note
    assert "bars: 95% interval" in note
    assert "0.2 points" in note


@pytest.mark.parametrize("width", [4.6, 7.0])
def test_a_forest_fits_its_width(width: float, result: RetrainResult) -> None:
    figure = differences_figure(result.levels, title="a ticket", width=width)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    (panel,) = figure.axes
    ticks = [tick.get_text() for tick in panel.get_xticklabels()]
    boxes = {
        text.get_text(): text.get_window_extent()
        for text in figure.findobj(Text)
        if isinstance(text, Text) and text.get_text() and text.get_text() not in ticks
    }
    assert "difference (points)" in boxes
    for box in boxes.values():
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1


@pytest.fixture(scope="module")
def stored(result: RetrainResult) -> StoredExperiment:
    return read_experiment(result.run)


def test_a_report_draws_figures_and_always_the_same_bytes(
    stored: StoredExperiment, tmp_path: Path
) -> None:
    first = report_experiment(stored, tmp_path / "a", ["svg", "csv", "md"])
    second = report_experiment(stored, tmp_path / "b", ["svg", "csv", "md"])
    assert [path.name for path in first] == [
        "ladder.svg",
        "curves.svg",
        "differences.svg",
        "learning-001.svg",
        "learning-002.svg",
        "comparisons.csv",
        "comparisons.md",
    ]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_tables_are_those_that_the_experiment_wrote(
    stored: StoredExperiment, tmp_path: Path
) -> None:
    for path in report_experiment(stored, tmp_path, ["csv", "md"]):
        assert path.read_bytes() == (stored.path / path.name).read_bytes()


def test_the_page_has_verdicts_numbers_figures_and_what_was_done(
    stored: StoredExperiment,
) -> None:
    (page,) = ticket_hub.report_run(stored.path)
    assert page == stored.path / "report/report.html"
    text = page.read_text("utf-8")
    for level in stored.levels:
        assert escape(level.verdict.reason) in text
    assert text.count("<figure>") == 2 + len(stored.levels)
    assert f"digest {stored.spec.digest}" in text
    assert "evaluate_every = 5" in text
    assert "95% intervals" in text


def test_training_is_drawn_for_every_network_of_a_level(stored: StoredExperiment) -> None:
    study = experiment_study(stored)
    level = study.levels[0]
    figure = learning_figure(study.learning(level), title="x")
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["ticket", "reinit", "shuffle", "dense"]
    points = [np.asarray(line.get_xydata()) for line in figure.axes[1].lines]
    marks = np.concatenate([each for each in points if len(each) == 1])
    means = [
        sum(each.early_stop for each in results) / 3
        for results in stored.levels[0].results.values()
    ]
    assert marks[:, 0] == pytest.approx(means)
    losses = [
        sum(float(each.curves.validation_loss.min()) for each in results) / 3
        for results in stored.levels[0].results.values()
    ]
    assert marks[:, 1] == pytest.approx(losses)


def test_the_numbers_of_a_report_are_json(stored: StoredExperiment) -> None:
    found = numbers(stored.path)
    assert [row["network"] for row in found[:4]] == ["ticket", "reinit", "shuffle", "dense"]
    json.dumps(found, allow_nan=False)
