"""One table for people and programs: columns, rows, and a renderer for each form of it.

The command line adds the form of a terminal.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

__all__ = ["Column", "Table", "finite", "plain_text"]

_BAR = re.compile(r"(?<!\\)\|")


def finite(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The same with None for every infinity and NaN, which JSON does not know."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain_text(value: Any) -> str:  # noqa: ANN401 - any value
    """A value as people read it: `-` for None, `yes` and `no`, commas between several."""
    if isinstance(value, list | tuple):
        return ", ".join(map(plain_text, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain_text(item)}" for key, item in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        key: what programs call it.
        title: what people read above it; the key, where this is None.
        show: how people read a value: a function to its text, or the format of numbers.
        right: whether it stands at the right, as numbers do.
    """

    key: str
    title: str | None = None
    show: str | Callable[[Any], str] = ""
    right: bool = False

    @property
    def heading(self) -> str:
        """What stands above it."""
        return self.key if self.title is None else self.title

    def text(self, value: Any) -> str:  # noqa: ANN401 - any value
        """A value of this column as people read it."""
        if not isinstance(self.show, str):
            return self.show(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return format(value, self.show) if is_number else plain_text(value)


@dataclass(frozen=True)
class Table:
    """Values in rows under columns.

    Attributes:
        columns: from left to right.
        rows: a value for each column.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> Table:
        """The values that records have under the columns' keys; None where one has none."""
        return cls(columns, [[each.get(column.key) for column in columns] for each in records])

    @classmethod
    def of_fields(cls, kind: type, records: Iterable[Any]) -> Table:
        """A column for each field of a dataclass, by its name."""
        names = [field.name for field in dataclasses.fields(kind)]
        rows = [[getattr(each, name) for name in names] for each in records]
        return cls([Column(name) for name in names], rows)

    @property
    def headings(self) -> list[str]:
        """What stands above the columns."""
        return [column.heading for column in self.columns]

    def texts(self) -> list[list[str]]:
        """The cells as people read them."""
        return [
            [column.text(value) for column, value in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]

    def json(self) -> list[dict[str, Any]]:
        """A mapping from key to value for each row, with None for infinity and NaN."""
        keys = [column.key for column in self.columns]
        return [finite(dict(zip(keys, row, strict=True))) for row in self.rows]

    def csv(self) -> str:
        """The headings, then the values with numbers in full; what is None is empty."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.headings)
        writer.writerows(self.rows)
        return stream.getvalue()

    def markdown(self) -> str:
        """The texts as lines of Markdown."""
        lines = [_line(self.headings)]
        lines.append("|" + "".join("---:|" if each.right else "---|" for each in self.columns))
        return "\n".join([*lines, *map(_line, self.texts())])

    def html(self) -> str:
        """The texts as a table that scrolls by itself where the page is narrow."""
        head = "".join(f'<th scope="col">{escape(text)}</th>' for text in self.headings)
        lines = "\n".join(
            "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>"
            for row in self.texts()
        )
        return (
            '<div class="scroll" tabindex="0"><table>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table></div>"
        )


def _line(texts: Sequence[str]) -> str:
    """One row of Markdown, in which a bar is a bar."""
    return "| " + " | ".join(_BAR.sub(r"\\|", text) for text in texts) + " |"
