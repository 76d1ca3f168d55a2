"""How far a search is: live on a terminal, in plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, TextIO

import click

from ticket_hub.errors import TicketHubError
from ticket_hub.recipe import Recipe
from ticket_hub_cli.output import percent
from ticket_hub_cli.pace import Pace

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from ticket_hub.runs import Level, Log
    from ticket_hub.training import Progress

__all__ = ["Watcher", "showing", "watching"]

LINE_SECONDS = 10.0
FRAMES_PER_SECOND = 4.0
MAX_ROWS = 16


class Watcher(Protocol):
    """Whoever shows a search to a person."""

    def observe(self, progress: Progress) -> None:
        """One trial of the present level got so far."""

    def level(self, level: Level) -> None:
        """A level is finished and on disk."""

    def step(self, text: str) -> None:
        """What the pace counts has gone on by one; the text sums it up."""

    def notify(self, text: str) -> None:
        """Something unusual happened."""


@contextlib.contextmanager
def watching(
    recipe: Recipe, *, stream: TextIO, quiet: bool, log: Log | None = None
) -> Iterator[Watcher]:
    """Show a search until the end: live on a terminal, in plain lines elsewhere, or not at all."""
    with showing(Pace.of(recipe), stream=stream, quiet=quiet, log=log) as watcher:
        yield watcher


@contextlib.contextmanager
def showing(
    pace: Pace, *, stream: TextIO, quiet: bool, log: Log | None = None
) -> Iterator[Watcher]:
    """As `watching`, for anything that goes step by step; the log is told of its error."""
    with _shown(pace, stream, quiet=quiet) as watcher:
        if log is None:
            yield watcher
            return
        try:
            yield Logged(watcher, log)
        except BaseException as error:
            with contextlib.suppress(TicketHubError):  # the first error is the one to be told
                log.abandon(error)
            raise


@contextlib.contextmanager
def _shown(pace: Pace, stream: TextIO, *, quiet: bool) -> Iterator[Watcher]:
    if quiet:
        yield Silent()
    elif stream.isatty():
        with live(pace, stream) as watcher:
            yield watcher
    else:
        yield Lines(pace, partial(_say, stream))


def _say(stream: TextIO, text: str) -> None:
    """A search does not end because nobody can read how far it is."""
    with contextlib.suppress(OSError):
        click.echo(text, file=stream)


@dataclass
class Logged:
    """Shows a search and records it."""

    watcher: Watcher
    log: Log

    def observe(self, progress: Progress) -> None:
        """Hand it to the log and to what is shown."""
        self.watcher.observe(progress)
        self.log.observe(progress)

    def level(self, level: Level) -> None:
        """Hand it to the log and to what is shown."""
        self.watcher.level(level)
        self.log.level(level)

    def step(self, text: str) -> None:
        """Show it; what is recorded of steps are results."""
        self.watcher.step(text)

    def notify(self, text: str) -> None:
        """Hand it to the log and to what is shown."""
        self.watcher.notify(text)
        self.log.notify(text)


class Silent:
    """Shows only what is unusual."""

    def observe(self, progress: Progress) -> None:
        """Show nothing of it."""

    def level(self, level: Level) -> None:
        """Show nothing of it."""

    def step(self, text: str) -> None:
        """Show nothing of it."""

    def notify(self, text: str) -> None:
        """Say it in a line of its own."""
        click.echo(text, err=True)


@dataclass
class Lines:
    """One line for each finished level, and every ten seconds one on the level in training."""

    pace: Pace
    say: Callable[[str], None]
    _last: float | None = None

    def observe(self, progress: Progress) -> None:
        """Say how far the level is, if it is time."""
        self.pace.observe(progress)
        now = self.pace.clock()
        if self._last is None:
            self._last = now
        elif now - self._last >= LINE_SECONDS:
            self._last = now
            least = min(each.iteration for each in self.pace.latest.values())
            parts = [
                f"{self.pace.place}: iteration {least} of {progress.iterations}",
                f"validation accuracy {_accuracies(self.pace)}",
                self.pace.about_left,
            ]
            self.say(", ".join(filter(None, parts)))

    def level(self, level: Level) -> None:
        """Sum the level up."""
        self.pace.finish(level.index)
        self.say(_sentence(level))

    def step(self, text: str) -> None:
        """Say it in a line of its own."""
        self.pace.finish(self.pace.present)
        self.say(text)

    def notify(self, text: str) -> None:
        """Say it in a line of its own."""
        self.say(text)


@contextlib.contextmanager
def live(pace: Pace, stream: TextIO) -> Iterator[Watcher]:
    """Finished levels scroll by; below them, a line for each of the first 16 trials moves."""
    from rich.console import Console
    from rich.live import Live

    console = Console(file=stream)
    board = Board(pace, console)
    with Live(
        get_renderable=board.render,
        console=console,
        refresh_per_second=FRAMES_PER_SECOND,
        # What moves is gone at the end; what scrolled by stays.
        transient=True,
    ):
        yield board


@dataclass
class Board:
    """What moves on the terminal."""

    pace: Pace
    console: Console

    def observe(self, progress: Progress) -> None:
        """Keep the reading; the next frame shows it."""
        self.pace.observe(progress)

    def level(self, level: Level) -> None:
        """Let the level's sum scroll by."""
        self.pace.finish(level.index)
        self.console.print(_sentence(level), highlight=False)

    def step(self, text: str) -> None:
        """Let it scroll by."""
        self.pace.finish(self.pace.present)
        self.console.print(text, highlight=False)

    def notify(self, text: str) -> None:
        """Let it scroll by."""
        self.console.print(text, style="yellow", highlight=False)

    def render(self) -> RenderableType:
        """The present frame."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        share = min(self.pace.done / self.pace.levels, 1.0)
        grid.add_row(
            Text(self.pace.place),
            ProgressBar(total=1.0, completed=share, width=24),
            Text(self.pace.about_left),
        )
        for name, each in sorted(self.pace.latest.items(), key=_trial_number)[:MAX_ROWS]:
            grid.add_row(
                Text(name.replace("-", " ")),
                ProgressBar(total=each.iterations, completed=each.iteration, width=24),
                Text(f"iteration {each.iteration} of {each.iterations}"),
                Text(f"validation {percent(each.validation_accuracy)}"),
            )
        return grid


def _trial_number(item: tuple[str, object]) -> tuple[int, str]:
    name = item[0]
    # By number, since as text trial-10 comes before trial-2.
    number = name.rpartition("-")[2].partition(".")[0]
    return (int(number) if number.isdigit() else 0, name)


def _accuracies(pace: Pace) -> str:
    values = [each.validation_accuracy for each in pace.latest.values()]
    values = [value for value in values if not math.isnan(value)]
    return percent(sum(values) / len(values)) if values else "not read yet"


def _sentence(level: Level) -> str:
    origin = " (from disk)" if level.resumed else ""
    return (
        f"level {level.index}: {percent(level.density)} of the weights left, "
        f"test accuracy {percent(level.test_accuracy)} at the early stop "
        f"(mean of {len(level.trials)}){origin}"
    )
