"""`ticket watch`."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticket_hub_cli import options
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput, percent

if TYPE_CHECKING:
    from rich.console import RenderableType

LINE_SECONDS = 10.0
MAX_ROWS = 16
Event = Mapping[str, Any]


@options.command(
    "watch",
    "ticket watch",
    "ticket watch digits-quick",
    "ticket watch digits-quick --format jsonl",
    "ticket watch 5f0c2d1e9b7a4c3d8e6f1a2b --hub https://tickets.example.org",
)
@click.argument("run", type=RUN, metavar="[RUN|JOB]", required=False)
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of runs.  [default: runs in TICKET_HOME]",
)
@options.hub_option
@options.output_options
def command(run: str | None, runs: Path | None, hub: str | None, out: CommandOutput) -> int:
    """Watch a run of another process, or a job of a hub, until it ends.

    RUN may be of `ticket find`, `ticket retrain` or `ticket transfer`, of an engine, too; without
    a name it is the one that is being worked on. JOB is the id of a job of --hub. Ctrl-C ends the
    watching, and never the run. The exit code is 0 where the run is finished.
    """
    from ticket_hub.engines.watching import watch_run

    events = watch_run(run, runs=runs, hub=hub)
    last = _show(events) if out.form == "human" else _tell(events, out)
    return 0 if last["state"] == "finished" else 1


def _tell(events: Iterable[Event], out: CommandOutput) -> Event:
    """To a script: event by event as lines, or all at the end; the last event."""
    gathered: list[Event] = []
    for event in events:
        gathered.append(event)
        if out.form == "jsonl":
            # Flushed line by line: a pipe would hold them back until it is full.
            out.json(event)
            sys.stdout.flush()
    if out.form == "quiet":
        out.text(str(gathered[-1]["state"]))
    elif out.form != "jsonl":
        out.json(gathered)
    return gathered[-1]


def _show(events: Iterable[Event]) -> Event:
    """Live on a terminal, in plain lines elsewhere; the last event."""
    from rich.console import Console
    from rich.live import Live

    board = _Board()
    last: Event = {}
    if sys.stdout.isatty():
        console = Console()
        with Live(console=console, get_renderable=board.render, transient=True):
            for last in events:
                if text := board.take(last):
                    console.print(text, highlight=False, markup=False)
        return last
    for last in events:
        text = board.take(last) or board.line()
        if text:
            click.echo(text)
            with contextlib.suppress(OSError):
                sys.stdout.flush()
    return last


@dataclass
class _Board:
    """What moves: the last reading of each member."""

    members: dict[str, Event] = field(default_factory=dict)
    clock: float = field(default_factory=lambda: -LINE_SECONDS)

    def take(self, event: Event) -> str:
        """Take an event in; what scrolls by of it."""
        kind = event["event"]
        if kind == "progress":
            member = event.get("latest", event) | {"rate": event.get("rate")}
            if "member" in member:
                self.members[_name(event | member)] = member
            return ""
        if kind in {"level", "result"}:
            # What has come to its end is told by its level, or by its result.
            self.members = {
                name: each
                for name, each in self.members.items()
                if each["iteration"] < each["iterations"]
            }
        return sentence(event)

    def line(self) -> str:
        """The readings in one line, now and then."""
        if not self.members or time.monotonic() - self.clock < LINE_SECONDS:
            return ""
        self.clock = time.monotonic()
        shown = list(self.members.items())[:MAX_ROWS]
        return "; ".join(f"{name}: {_reading(each)}" for name, each in shown)

    def render(self) -> RenderableType:
        """The present frame."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        for name, each in sorted(self.members.items())[:MAX_ROWS]:
            bar = ProgressBar(total=each["iterations"], completed=each["iteration"], width=24)
            grid.add_row(Text(name), bar, Text(_reading(each)))
        return grid


def _name(event: Event) -> str:
    level = "" if event.get("level") is None else f"level {event['level']} "
    work = f"{event['work']} " if event.get("work") else ""
    return f"{work}{level}{event['member'].replace('-', ' ')}"


def _reading(member: Event) -> str:
    rate = member.get("rate")
    parts = [
        f"iteration {member['iteration']} of {member['iterations']}",
        f"{rate:,.0f} a second" if rate else "",
        f"validation {percent(member['validation_accuracy'])}",
        "" if member["test_accuracy"] is None else f"test {percent(member['test_accuracy'])}",
    ]
    return ", ".join(filter(None, parts))


def _beginning(event: Event) -> str:
    if "title" in event:  # a job
        return f"{event['title']}, {event['state']}"
    from ticket_hub.evidence.counts import number_of

    parts = [event["name"], event["state"]]
    if event["planned"]:
        parts += [
            number_of(event["trials"], "trial"),
            f"{event['levels']} of {event['planned']} levels",
        ]
    if event["network"]:
        parts.append(f"{event['network']} on {event['data']}")
    return ", ".join(map(str, parts))


SENTENCES: Mapping[str, Callable[[Event], str]] = {
    "level": lambda event: (
        f"level {event['index']}: {percent(event['density'])} of the weights left, test accuracy "
        f"{percent(event['test_accuracy'])} at the early stop"
    ),
    "result": lambda event: (
        f"level {event['level']}, {event['control']}, trial {event['trial']}: test accuracy "
        f"{percent(event['accuracy'])}"
    ),
    "verdict": lambda event: (
        f"level {event['level']}: {event['verdict'] or 'no verdict'}. {event['reason']}"
    ),
    "run": _beginning,
    "notice": lambda event: str(event["text"]),
    "ended": lambda event: f"{event['state']}. {event['ending']}".strip(),
}
"""What events say to people; of the others, which only jobs have, their names do."""


def sentence(event: Event) -> str:
    """What an event says to people, with the work that it is of."""
    kind = event["event"]
    say = SENTENCES.get(kind)
    text = say(event) if say else str(event.get("problem") or kind).replace("-", " ")
    return f"{event['work']}: {text}" if event.get("work") else text
