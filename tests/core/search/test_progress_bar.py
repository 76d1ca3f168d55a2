"""A bar for those who wait: of all networks that train together, gone when they are done."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import ticket_hub
from ticket_hub.runs import Resources
from ticket_hub.runs.progress_bar import MIN_SECONDS, ProgressBar
from ticket_hub.training import Progress


def reading(member: str, iteration: int, accuracy: float = 0.5) -> Progress:
    return Progress(
        member=member,
        iteration=iteration,
        iterations=10,
        validation_accuracy=accuracy,
        test_accuracy=accuracy,
    )


def test_a_bar_is_of_all_networks_and_the_next_level_begins_anew(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bar = ProgressBar(0)
    for iteration in (0, 5, 10):
        for member in ("trial-0", "trial-1"):
            bar(reading(member, iteration, iteration / 10))
    shown = capsys.readouterr().err
    assert "2 networks" in shown
    assert "15/20" in shown
    assert "validation accuracy 75.00%" in shown
    bar(reading("trial-0", 0, float("nan")))
    bar(reading("trial-0", 5, float("nan")))
    assert "5/10" in capsys.readouterr().err
    bar(reading("trial-0", 0))  # of a level that was begun again
    bar(reading("trial-0", 2))
    assert "2/10" in capsys.readouterr().err


def test_who_asks_for_it_may_observe_too(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[Progress] = []
    observe = Resources(progress=True, observe=told.append).observe
    assert observe is not None
    for iteration in (0, 4):
        observe(reading("trial-0", iteration))
        time.sleep(1.2 * MIN_SECONDS)
    observe(reading("trial-0", 8))
    assert [each.iteration for each in told] == [0, 4, 8]
    assert "1 network:" in capsys.readouterr().err


def test_a_search_takes_it(tmp_path: Path) -> None:
    told: list[Progress] = []
    ticket_hub.find(
        "digits-quick",
        changes={"search.levels": 0, "search.trials": 2, "training.iterations": 20},
        run_folder=tmp_path / "run",
        observe=told.append,
        progress=True,
    )
    assert {each.member for each in told} == {"trial-0", "trial-1"}
