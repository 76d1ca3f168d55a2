from __future__ import annotations

import io
import math

import pytest
import torch

from ticket_hub.recipe import load_recipe
from ticket_hub.runs import Level, Trial
from ticket_hub.training import Curves, Progress, Trained
from ticket_hub_cli.pace import Pace, duration
from ticket_hub_cli.progress import Board, Lines, watching


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def reading(trial: int, iteration: int, accuracy: float = 0.9) -> Progress:
    return Progress(
        member=f"trial-{trial}",
        iteration=iteration,
        iterations=1000,
        validation_accuracy=accuracy,
        test_accuracy=math.nan,
    )


def finished(index: int, *, resumed: bool = False) -> Level:
    one = torch.tensor([0.5], dtype=torch.float64)
    curves = Curves(
        iterations=torch.tensor([100]),
        validation_loss=one,
        validation_accuracy=one,
        test_loss=one,
        test_accuracy=torch.tensor([0.975], dtype=torch.float64),
    )
    trained = Trained(weights={}, curves=curves, snapshots={}, iterations=100, backend="plain")
    trial = Trial(seed=0, theta0={}, mask={}, trained=trained)
    return Level(index=index, density=0.8**index, trials=(trial, trial), resumed=resumed)


def test_the_plan_counts_the_dense_level() -> None:
    recipe = load_recipe("digits-quick").replace({"search.levels": 7, "search.trials": 3})
    pace = Pace.of(recipe)
    assert (pace.levels, pace.trials) == (8, 3)


def test_one_shot_to_a_density_has_one_round() -> None:
    recipe = load_recipe("digits-quick").replace(
        {"pruning.mode": "one-shot", "pruning.target_density": 0.1}
    )
    assert Pace.of(recipe).levels == 2


def test_time_left_is_guessed_from_the_pace_since_training_began() -> None:
    clock = Clock()
    pace = Pace(trials=2, levels=4, iterations=1000, clock=clock)
    pace.finish(0)  # read from disk
    clock.now += 50
    pace.observe(reading(0, 0))
    assert pace.seconds_left is None
    clock.now += 30
    pace.observe(reading(0, 1000))
    pace.observe(reading(1, 1000))
    assert pace.done == 2.0
    assert pace.seconds_left == pytest.approx(60.0)


def test_no_time_is_guessed_from_the_first_steps() -> None:
    """They compile, and fill caches: a hundred times slower than the rest here."""
    said: list[str] = []
    clock = Clock()
    pace = Pace(trials=1, levels=10, iterations=1000, clock=clock)
    lines = Lines(pace, said.append)
    lines.observe(reading(0, 0))
    clock.now += 20
    lines.observe(reading(0, 10))
    assert said[-1].endswith("validation accuracy 90.00%")
    clock.now += 1
    lines.observe(reading(0, 50))
    assert pace.seconds_left is None
    assert pace.about_left == ""
    clock.now += 10
    lines.observe(reading(0, 450))
    assert pace.seconds_left == pytest.approx(11 / 0.44 * 9.55)
    assert said[-1].endswith("about 3 min 59 s left")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (61, "1 min 1 s"), (3900, "1 h 5 min")],
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_plain_lines_come_every_ten_seconds_and_after_each_level() -> None:
    said: list[str] = []
    clock = Clock()
    lines = Lines(Pace(trials=2, levels=3, iterations=1000, clock=clock), said.append)
    for iteration in range(0, 1001, 100):
        lines.observe(reading(0, iteration))
        lines.observe(reading(1, iteration, 0.8))
        clock.now += 4
    assert len(said) == 3
    assert "level 0 of 2: iteration 200 of 1000, validation accuracy 85.00%" in said[0]
    lines.level(finished(0))
    assert said[-1].startswith("level 0: 100.00% of the weights left, test accuracy 97.50%")


def test_levels_count_from_the_dense_network_and_all_else_from_one() -> None:
    assert Pace(trials=1, levels=3, iterations=10).place == "level 0 of 2"
    pace = Pace(trials=1, levels=2, iterations=10, unit="analysis")
    assert pace.place == "analysis 1 of 2"
    pace.finish(0)
    assert pace.place == "analysis 2 of 2"
    pace.finish(1)
    assert pace.place == "analysis 2 of 2"


def test_more_networks_than_were_planned_have_no_time_left() -> None:
    clock = Clock()
    pace = Pace(trials=1, levels=1, iterations=1000, clock=clock)
    for trial, iteration in ((0, 0), (0, 500), (0, 1000), (1, 500)):
        pace.observe(reading(trial, iteration))
        clock.now += 5
    assert (pace.done, pace.seconds_left) == (1.5, 0)


def test_a_level_from_disk_is_called_that() -> None:
    said: list[str] = []
    Lines(Pace(trials=2, levels=3, iterations=1000), said.append).level(finished(1, resumed=True))
    assert said[0].endswith("(from disk)")


def test_the_live_board_shows_every_trial_in_order() -> None:
    from rich.console import Console

    stream = io.StringIO()
    console = Console(file=stream, width=100, force_terminal=False)
    board = Board(Pace(trials=11, levels=3, iterations=1000), console)
    for trial in (10, 2, 0):
        board.observe(reading(trial, 100 * trial))
    console.print(board.render())
    shown = stream.getvalue()
    assert shown.index("trial 0") < shown.index("trial 2") < shown.index("trial 10")
    assert "iteration 200 of 1000" in shown
    assert "level 0 of 2" in shown


def test_quiet_shows_nothing_but_what_is_unusual(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    with watching(load_recipe("digits-quick"), stream=stream, quiet=True) as watcher:
        watcher.observe(reading(0, 10))
        watcher.level(finished(0))
        watcher.notify("A checkpoint is damaged.")
    assert stream.getvalue() == ""
    assert capsys.readouterr().err == "A checkpoint is damaged.\n"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_finished_levels_scroll_by_and_the_board_moves() -> None:
    stream = Terminal()
    with watching(load_recipe("digits-quick"), stream=stream, quiet=False) as watcher:
        watcher.observe(reading(0, 500))
        watcher.level(finished(0))
        watcher.notify("A checkpoint is damaged.")
        watcher.observe(reading(1, 700))
    shown = stream.getvalue()
    assert "level 0: 100.00% of the weights left" in shown
    assert "A checkpoint is damaged." in shown
    assert "iteration 700 of 1000" in shown
