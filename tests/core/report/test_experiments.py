from __future__ import annotations

from pathlib import Path

import pytest

import ticket_hub
from ticket_hub.report.experiments import differences_figure, report_experiment
from ticket_hub.transfer import RetrainResult, retrain


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
    (panel,) = differences_figure(result.levels, title="a ticket").axes
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert len(labels) == 6
    assert [label.rpartition(" ")[2] for label in labels] == ["reinit", "shuffle", "dense"] * 2
    assert "n = 3" in panel.get_xlabel()
    assert "(points)" in panel.get_xlabel()
    assert "0.2 points" in panel.get_xlabel()


def test_a_report_draws_figures_and_always_the_same_bytes(
    result: RetrainResult, tmp_path: Path
) -> None:
    first = report_experiment(result.levels, tmp_path / "a", ["svg", "csv"], title="x")
    second = report_experiment(result.levels, tmp_path / "b", ["svg", "csv"], title="x")
    assert [path.name for path in first] == [
        "ladder.svg",
        "curves.svg",
        "ladder.csv",
        "differences.svg",
    ]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
