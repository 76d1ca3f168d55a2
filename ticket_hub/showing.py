"""How results are shown: in a few lines where Python prints them, and as a table in a notebook."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from ticket_hub.errors import ExportError
from ticket_hub.table import Table, plain_text

__all__ = ["Shown", "View"]

MAX_ROWS = 5
_LIBRARIES = ("pandas", "polars")
_STYLE = (
    "<style>.ticket-hub td, .ticket-hub th {text-align: left; padding: .1em .8em .1em 0} "
    ".ticket-hub code {white-space: pre-wrap}</style>"
)


@dataclass(frozen=True, kw_only=True)
class View:
    """What is shown of a result.

    Attributes:
        title: what it is, in one line.
        facts: name -> value, the most telling first.
        table: its numbers.
        values: its numbers in full, where the table has texts.
        code: the line of Python to go on with.
        notes: sentences below, such as the reason of a verdict.
    """

    title: str
    facts: Mapping[str, Any]
    table: Table
    code: str
    notes: tuple[str, ...] = ()
    values: Table | None = None


class Shown(ABC):
    """A result that is printed in at most ten lines, shown in notebooks, and taken as a data frame.

    Who inherits it says what to show in `_view`; a dataclass says `repr=False`.
    """

    @abstractmethod
    def _view(self) -> View:
        """What is shown of it."""

    def __repr__(self) -> str:
        view = self._view()
        facts = [f"  {_one(name)} {_one(value)}" for name, value in view.facts.items()][:2]
        lines = [f"<{type(self).__name__}: {view.title}>", *facts, *_table_lines(view.table)]
        return "\n".join(line[:118].rstrip() for line in lines)

    def _repr_html_(self) -> str:
        view = self._view()
        facts = "<br>".join(
            f"{escape(_one(name).removesuffix(':'))}: {escape(plain_text(value))}"
            for name, value in view.facts.items()
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in view.notes)
        return (
            f'{_STYLE}<div class="ticket-hub"><p><strong>{escape(view.title)}</strong></p>'
            f"<p>{facts}</p>{view.table.html()}{notes}<p><code>{escape(view.code)}</code></p></div>"
        )

    def to_dataframe(self) -> Any:  # noqa: ANN401 - of pandas or of polars
        """Its table as a data frame of pandas, or of polars where only that is installed.

        Raises:
            ExportError: neither is.
        """
        view = self._view()
        rows = (view.values or view.table).json()
        for name in _LIBRARIES:
            try:
                library = importlib.import_module(name)
            except ImportError:
                continue
            return library.DataFrame(rows)
        raise ExportError(
            "A data frame needs pandas or polars, and neither is installed.",
            "Install one with `pip install pandas`.",
        )


def _one(value: Any) -> str:  # noqa: ANN401 - any value
    return " ".join(plain_text(value).split())


def _table_lines(table: Table) -> list[str]:
    """The table with headings, aligned; of a long one the first rows and the last."""
    cells = [table.headings, *table.texts()]
    left_out = len(cells) - 1 - MAX_ROWS
    if left_out > 0:
        cells = [*cells[:3], *cells[-(MAX_ROWS - 2) :]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        for row in cells
    ]
    return [*lines[:3], f"  ... {left_out} more", *lines[3:]] if left_out > 0 else lines
