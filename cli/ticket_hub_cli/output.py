"""Data on stdout, advice on stderr, in the form that was asked for."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import click

from ticket_hub.errors import TicketHubError
from ticket_hub.table import Column, Table, finite, plain_text

__all__ = [
    "CommandOutput",
    "command_line",
    "error",
    "gigabytes",
    "passed_over",
    "percent",
    "stopped",
    "warning",
]


OutputForm: TypeAlias = Literal["human", "csv", "json", "jsonl", "quiet"]


@dataclass(frozen=True)
class CommandOutput:
    """Where a command puts its results.

    Attributes:
        form: `human` text, one `json` value, `jsonl` and `csv` with a line for each result, or
            `quiet`: only what names the results.
    """

    form: OutputForm = "human"

    def record(self, values: Mapping[str, Any], *, name: str) -> None:
        """One result.

        Args:
            values: title -> value, in the order to show; JSON takes titles as they are.
            name: the key whose value names the result.
        """
        if self.form == "human":
            width = max(map(len, values))
            for key, value in values.items():
                click.echo(f"{key.replace('_', ' ').ljust(width)}  {plain_text(value)}".rstrip())
        elif self.form == "quiet":
            click.echo(plain_text(values[name]))
        else:
            self.json(values)

    def table(
        self, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], *, name: str
    ) -> None:
        """Several results; JSON has all keys of the rows, people see the columns.

        Args:
            name: the key whose value names a row.
        """
        if self.form == "quiet":
            for row in rows:
                click.echo(plain_text(row[name]))
        elif self.form != "human":
            self.json(rows)
        elif rows:
            self.lines(Table.of(rows, columns))

    def lines(self, table: Table) -> None:
        """A table for people."""
        for line in _aligned(table):
            click.echo(line)

    def json(self, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """One JSON value, with null for NaN and infinity; or a line for each of its results."""
        results = value if isinstance(value, list | tuple) else [value]
        if self.form == "csv":
            click.echo(_csv(finite(results)), nl=False)
        elif self.form == "jsonl":
            for each in results:
                click.echo(json.dumps(finite(each), ensure_ascii=False, default=str))
        else:
            click.echo(json.dumps(finite(value), indent=2, ensure_ascii=False, default=str))

    def text(self, text: str) -> None:
        """Whole text that is itself the result."""
        click.echo(text, nl=not text.endswith("\n"))

    def tell(self, text: str) -> None:
        """A sentence beside a result, which is no line of it for a program that reads lines."""
        if self.form == "human":
            click.echo(text)
        else:
            self.hint(text)

    def hint(self, text: str) -> None:
        """Advice, such as the next command; never part of the result."""
        # A closed stderr takes the advice away, and not the result.
        if self.form != "quiet":
            with contextlib.suppress(OSError):
                click.echo(text, err=True)


def _csv(results: Sequence[Mapping[str, Any]]) -> str:
    """All keys of the results as columns; what is no number or text is written as JSON."""
    names = list(dict.fromkeys(key for each in results for key in each))
    rows = [[_cell(each.get(name)) for name in names] for each in results]
    return Table([Column(name) for name in names], rows).csv() if names else ""


def _cell(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return json.dumps(value, default=str) if isinstance(value, dict | list) else value


COST_COLUMNS = [
    Column("cost", "BYTES", lambda cost: f"{cost['bytes']:,}" if cost else "-", right=True),
    Column("cost", "MS", lambda cost: f"{cost['milliseconds']:.2f}" if cost else "-", right=True),
    Column("cost", "OF DENSE", lambda cost: f"{cost['speedup']:.2f}x" if cost else "-", right=True),
    Column("cost", "MEASURED", lambda cost: f"{cost['form']} on {cost['where']}" if cost else "-"),
]
"""Of what a ticket was measured to cost, for lists that have such a one."""


def command_line(*words: object, hub: str | None = None) -> str:
    """A command to be typed, quoted as a shell wants it, in backticks.

    Args:
        hub: added as `--hub`, where there is one.
    """
    named = [*words, "--hub", hub] if hub else words
    return f"`{shlex.join(map(str, named))}`"


def error(problem: str, remedy: str = "") -> None:
    """Say on stderr what is wrong and what can be done."""
    _say(_styled("Error:", fg="red"), problem, remedy)


def warning(problem: str, remedy: str = "") -> None:
    """Say on stderr what must be known about a result that is there all the same."""
    _say(_styled("Warning:", fg="yellow"), problem, remedy)


def passed_over(error: TicketHubError) -> None:
    """Say of an entry that was left out of a result why it was."""
    warning(error.problem, error.remedy)


def stopped(problem: str, remedy: str = "") -> None:
    """Say on stderr where something ended because somebody asked for it, which is no error."""
    _say(_styled("Stopped:", fg="yellow"), problem, remedy)


def _styled(text: str, *, fg: str | None = None) -> str:
    """Bold or coloured, except where `NO_COLOR` is set (https://no-color.org)."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=fg, bold=True)


def _say(kind: str, problem: str, remedy: str) -> None:
    with contextlib.suppress(OSError):  # a full or closed stderr, of which nobody can be told
        click.echo(f"{kind} {problem}", err=True)
        if remedy:
            click.echo(f"{_styled('What to do:')} {remedy}", err=True)


def is_sure(question: str) -> bool:
    """Ask before what cannot be undone; nobody there to answer is a no."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        # On a terminal somebody pressed Ctrl-C; elsewhere the input has ended.
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        return False


def gigabytes(number: int) -> str:
    """So many bytes in MB, or in GB from one on."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"  # noqa: PLR2004


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction as per cent, as the field writes densities and accuracies: `3.58%`."""
    if fraction is None or fraction != fraction:  # noqa: PLR0124 - NaN
        return "-"
    return f"{100 * fraction:.{digits}f}%"


def _aligned(table: Table) -> list[str]:
    """The form of a terminal: headings in capitals, and columns as wide as their widest text."""
    titles, cells = [text.upper() for text in table.headings], table.texts()
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]

    def line(texts: Sequence[str]) -> str:
        """One row, each text at its side of its column."""
        parts = [
            text.rjust(width) if column.right else text.ljust(width)
            for text, width, column in zip(texts, widths, table.columns, strict=True)
        ]
        return "  ".join(parts).rstrip()

    return [_styled(line(titles)), *map(line, cells)]
