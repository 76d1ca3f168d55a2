"""Every figure that the tool draws says what its axes are, how many trials, and what bars are."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

import ticket_hub
import ticket_hub.report
from tests.helpers.tried import tried
from ticket_hub.analysis import analyses
from ticket_hub.bundle import open_bundle
from ticket_hub.bundle.reproduction_reading import read_reproduction
from ticket_hub.comparison import experiment_study
from ticket_hub.comparison.ladder import MeasuredLadder
from ticket_hub.report.comparison import between_figure
from ticket_hub.report.figures import ladder_figure, tickets_figure
from ticket_hub.report.forest import differences_figure, forest_figure, verdict_branches
from ticket_hub.report.heatmap import matrix_figure
from ticket_hub.report.learning import curves_figure, learning_figure
from ticket_hub.report.mask_figure import mask_figure
from ticket_hub.report.statements import statements_figure
from ticket_hub.transfer.matrix import Matrix, read_matrix
from ticket_hub.transfer.stored import read_experiment

CHANGES = {
    "network.name": "lenet-8",
    "training.iterations": 20,
    "training.evaluate_every": 5,
    "training.backend": "stack",
    "search.levels": 2,
    "search.trials": 3,
}


def drawn_by_the_tool() -> Iterator[str]:
    """Every public function of the reports whose name and result say that it draws.

    And `draw` of each analysis, by the name of its folder.
    """
    for info in pkgutil.walk_packages(ticket_hub.analysis.__path__, "ticket_hub.analysis."):
        if info.name.endswith(".draw"):
            yield f"{info.name.split('.')[-2]}_figure"
    package = ticket_hub.report
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            draws = getattr(value, "__annotations__", {}).get("return") in {"Figure", Figure}
            here = getattr(value, "__module__", "") == info.name
            if name.endswith("_figure") and here and draws and not name.startswith("_"):
                yield name


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Figure]:
    """Each kind of figure once, from real measurements."""
    place = tmp_path_factory.mktemp("drawn")
    found = ticket_hub.find("digits-quick", changes=CHANGES, run_folder=place / "found", workers=1)
    options: dict[str, Any] = {"against": ["reinit", "dense"], "trials": 3, "workers": 1}
    runs = [
        ticket_hub.retrain(
            f"{found.run}:all", run_folder=place / str(seed), seed=seed, **options
        ).run
        for seed in (0, 1)
    ]
    moved = ticket_hub.transfer_tickets(
        [str(found.run)], ["digits"], trials=3, run_folder=place / "moved", workers=1
    )
    study = experiment_study(read_experiment(runs[0]))
    ladder = study.ladder()
    assert ladder is not None
    return {
        **_of_evidence(study.levels, ladder, read_matrix(moved.run)),
        "learning_figure": learning_figure(study.learning(study.levels[0]), title="x"),
        "between_figure": between_figure(ticket_hub.compare([found.run, *runs])),
        "mask_figure": mask_figure(open_bundle(found.bundle).ticket(1, 0)),
        **_of_analyses(found.run, place / "analysis"),
    }


def _of_evidence(
    levels: tuple[object, ...], ladder: MeasuredLadder, matrix: Matrix
) -> dict[str, Figure]:
    return {
        "ladder_figure": ladder_figure(ladder),
        "tickets_figure": tickets_figure({"A": ladder, "B": ladder}),
        "curves_figure": curves_figure(ladder),
        "differences_figure": differences_figure(levels),  # type: ignore[arg-type] # levels of a study
        "forest_figure": forest_figure(verdict_branches(levels)),  # type: ignore[arg-type] # levels of a study
        "matrix_figure": matrix_figure(matrix, "reinit"),
        "statements_figure": statements_figure(read_reproduction(tried())),
    }


def _of_analyses(run: Path, folder: Path) -> dict[str, Figure]:
    every = analyses()
    only = [each.name for each in every]
    found = ticket_hub.analyze(f"{run}:1,2", only=only, folder=folder, workers=1)
    return {f"{each.name}_figure": each.draw(found.of(each.name)) for each in every}


def test_every_figure_is_looked_at_here(figures: Mapping[str, Figure]) -> None:
    assert set(drawn_by_the_tool()) == set(figures)


def _all(figures: Mapping[str, Figure]) -> Iterator[tuple[str, Figure, list[str]]]:
    for name, figure in figures.items():
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        yield name, figure, [text.get_text() for text in figure.findobj(Text)]


COUNTED = r"iteration|per unit of|level|layer|network|ticket|run|data set|trial|kept weights"
PLAIN = {"value in theta0", "distance moved", "place between the two ends"}
"""Weights have no unit, and neither has the share of a way."""


def _problems(figure: Figure) -> Iterator[str]:
    """The labels that name no unit and count nothing; of panels alike, the first has them."""
    for panel in figure.axes:
        labels = {"x": panel.get_xlabel(), "y": panel.get_ylabel()}
        if panel.get_title() and not labels["y"]:
            labels["y"] = figure.axes[0].get_ylabel()
        for name, label in labels.items():
            stated = re.search(rf"\([^)]+\)|{COUNTED}", label) or label in PLAIN
            if _is_read({"x": panel.xaxis, "y": panel.yaxis}[name]) and not stated:
                yield f"{name}: {label!r}"


def _is_read(axis: Axis) -> bool:
    """Whether an axis has numbers or names beside it."""
    texts = [tick for tick in axis.get_ticklabels() if tick.get_visible() and tick.get_text()]
    return axis.get_visible() and bool(texts)


def test_every_axis_is_labelled_with_its_unit(figures: Mapping[str, Figure]) -> None:
    missing = {name: list(_problems(figure)) for name, figure, _ in _all(figures)}
    assert {name: problems for name, problems in missing.items() if problems} == {}


def test_every_figure_states_its_number_of_trials(figures: Mapping[str, Figure]) -> None:
    silent = [
        name for name, _, texts in _all(figures) if not re.search(r"n = \d", "\n".join(texts))
    ]
    assert silent == []


def _has_bars(figure: Figure) -> bool:
    """Whether a figure has error bars or shades."""
    return any(
        isinstance(each, LineCollection | PolyCollection)
        for panel in figure.axes
        if panel.get_label() != "<colorbar>"
        for each in panel.collections
    )


def test_every_figure_with_bars_states_their_kind(figures: Mapping[str, Figure]) -> None:
    kinds = r"least to( the)? greatest|95% (Student-t )?interval|quartile|from .+ to .+"
    silent = [
        name
        for name, figure, texts in _all(figures)
        if _has_bars(figure) and not re.search(rf"(bars?|shades?).*({kinds})", " ".join(texts))
    ]
    assert silent == []
