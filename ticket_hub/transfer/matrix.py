"""Several tickets on several data sets: one cell for each ticket, level and data set.

A matrix is plain numbers, so that it can be written, read back and drawn without the experiments.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub.durable import write_bytes, write_json
from ticket_hub.errors import RecipeError, RunError
from ticket_hub.evidence import Rule, count_text
from ticket_hub.evidence.counts import budget_note
from ticket_hub.evidence.rows import IDENTICAL
from ticket_hub.evidence.statistics import Method
from ticket_hub.evidence.verdict import ALPHA, MARGIN
from ticket_hub.recipe.tables import build, to_table
from ticket_hub.runs.file_names import MATRIX
from ticket_hub.runs.places import remember
from ticket_hub.runs.seal import FORMAT, read_json
from ticket_hub.table import Column, Table
from ticket_hub.transfer.level_evidence import LevelEvidence
from ticket_hub.transfer.spec import TICKET
from ticket_hub.transfer.tables import EvidenceRow, interval_text, rows

__all__ = [
    "MATRIX",
    "Cell",
    "Matrix",
    "about_verdicts",
    "cells_of",
    "csv_text",
    "markdown",
    "matrix_table",
    "read_about",
    "read_matrix",
]

_ADVICE = "Run the same `ticket transfer` again: what is finished is read."


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What became of one ticket at one level on one data set.

    Attributes:
        ticket, data: their names in the matrix.
        found_on: the data that the ticket was found on.
        level: of the ticket.
        density: kept weights over prunable weights of the whole network.
        transferred: the same over the layers that came from the ticket.
        head: what became of the output layer.
        n: number of trials.
        tickets: how many different tickets they are of; None where that was not recorded.
        interval: how the 95% intervals were made: `student-t` or `bootstrap`.
        verdict: None where there are too few trials, or no dense network to compare with.
        reason: one sentence with the numbers.
        trials_needed: how many trials would decide; None where that is not known.
        run: the folder of its experiment, from the folder of the transfer.
        rows: the ticket and its controls; a bound that is not known is None.
        test_examples: that accuracies are of; None where that was not recorded.
        iterations_in_all: of each network, those behind its starting weights too; empty likewise.
    """

    ticket: str
    data: str
    found_on: str
    level: int
    density: float
    transferred: float
    head: str
    n: int
    interval: Method
    verdict: str | None
    reason: str
    trials_needed: int | None
    run: str
    rows: tuple[EvidenceRow, ...]
    tickets: int | None = None
    test_examples: int | None = None
    iterations_in_all: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def row(self, network: str = TICKET) -> EvidenceRow | None:
        """The ticket's own row, or a control's; None where that was not trained."""
        return next((row for row in self.rows if row.network == network), None)


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Everything that a transfer measured.

    Attributes:
        tickets, data, controls: in the order in which they were asked for.
        cells: ticket by ticket, level by level, then by data set.
        margin, alpha: by what they were judged.
        family: how many comparisons were corrected for together; 0 where each cell was judged by
            itself at one-sided 5%, as it once was.
    """

    tickets: tuple[str, ...]
    data: tuple[str, ...]
    controls: tuple[str, ...]
    cells: tuple[Cell, ...]
    margin: float = MARGIN
    alpha: float = ALPHA
    family: int = 0

    def lines(self) -> Iterator[list[Cell]]:
        """The cells of each ticket and level, in the order of the data sets."""
        found: dict[tuple[str, int], list[Cell]] = {}
        for cell in self.cells:
            found.setdefault((cell.ticket, cell.level), []).append(cell)
        order = {name: place for place, name in enumerate(self.data)}
        for line in found.values():
            yield sorted(line, key=lambda cell: order[cell.data])

    def write(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Write `matrix.json`, `matrix.csv` and `matrix.md`.

        Args:
            about: who made it, of which tickets, on request of what.

        Raises:
            StorageError: a file cannot be written.
        """
        remember(folder)
        write_json(folder / MATRIX, {"format": FORMAT, **about, "matrix": to_table(self)})
        write_bytes(folder / "matrix.csv", csv_text(self).encode())
        write_bytes(folder / "matrix.md", markdown(self).encode())


def read_matrix(folder: Path) -> Matrix:
    """The matrix of a finished transfer.

    Raises:
        RunError: there is none in this folder, or it is damaged.
    """
    table = read_json(folder / MATRIX, _ADVICE)
    try:
        return build(Matrix, table.get("matrix", {}))
    except RecipeError as error:
        raise RunError(f"{folder / MATRIX} is damaged: {error.problem}", _ADVICE) from error


def read_about(folder: Path) -> dict[str, Any]:
    """What the record of a finished transfer says beside the numbers.

    Raises:
        RunError: as `read_matrix`.
    """
    table = read_json(folder / MATRIX, _ADVICE)
    return {key: value for key, value in table.items() if key not in {"format", "matrix"}}


def cells_of(
    levels: Sequence[LevelEvidence],
    *,
    ticket: str,
    data: str,
    found_on: str,
    run: str,
    test_examples: int | None = None,
    iterations_in_all: Mapping[str, int] | None = None,
) -> list[Cell]:
    """The cells of one experiment, one for each level."""
    return [
        Cell(
            ticket=ticket,
            data=data,
            found_on=found_on,
            level=each.level,
            density=each.density,
            transferred=each.transferred,
            head=each.results[TICKET][0].head,
            n=each.verdict.n,
            tickets=each.verdict.tickets,
            interval=each.verdict.comparisons[0].difference.method,
            verdict=each.verdict.word,
            reason=each.verdict.reason,
            trials_needed=each.verdict.trials_needed,
            run=run,
            rows=tuple(_known(row) for row in rows([each])),
            test_examples=test_examples,
            iterations_in_all=iterations_in_all or {},
        )
        for each in levels
    ]


def _known(row: EvidenceRow) -> EvidenceRow:
    """The row with None for what is infinite, since JSON knows no infinity."""
    endless = {
        name: None
        for name, value in vars(row).items()
        if isinstance(value, float) and not math.isfinite(value)
    }
    return dataclasses.replace(row, **endless)  # type: ignore[arg-type] # bounds only


def markdown(matrix: Matrix) -> str:
    """A row for each cell, a column for the difference to each control, then each reason."""
    reasons = [
        f"- {cell.ticket}, level {cell.level}, on {cell.data}: {cell.reason}"
        for cell in matrix.cells
    ]
    parts = [matrix_table(matrix).markdown(), "", about_verdicts(matrix), "", *reasons]
    return "\n".join(parts) + "\n"


def about_verdicts(matrix: Matrix) -> str:
    """By what the verdicts of a matrix were made, and what is too coarse for its margin."""
    if not matrix.family:
        return (
            "Each cell was judged by itself: Holm's correction ran over its controls, and each "
            "claim was tested at one-sided 5%, so that among many cells a false word is likely."
        )
    rule = Rule(margin=matrix.margin, alpha=matrix.alpha)
    sizes = {cell.data: cell.test_examples for cell in matrix.cells}
    coarse = [rule.coarse_note(count, about=name) for name, count in sizes.items()]
    text = (
        f"Verdicts: margin {100 * matrix.margin:g} points, alpha {matrix.alpha:g}, Holm's "
        f"correction for {matrix.family} comparison{'s' * (matrix.family != 1)}, over all "
        "controls, levels and cells; the intervals are not corrected."
    )
    budgets = dict.fromkeys(budget_note(cell.iterations_in_all) for cell in matrix.cells)
    return " ".join([text, *filter(None, [*budgets, *coarse])])


def matrix_table(matrix: Matrix) -> Table:
    """A row for each cell: means with 95% intervals in parentheses."""
    columns = [
        Column("ticket"),
        Column("level", right=True),
        Column("data set"),
        *(Column(name, right=True) for name in ("weights left (%)", "n", "test accuracy (%)")),
        *(Column(f"minus {control} (points)", right=True) for control in matrix.controls),
        Column("verdict"),
    ]
    return Table(columns, [_cells(cell, matrix.controls) for cell in matrix.cells])


def _cells(cell: Cell, controls: Sequence[str]) -> list[str]:
    own, others = cell.row(), [cell.row(control) for control in controls]
    assert own is not None, "a cell is about a ticket"
    return [
        cell.ticket,
        str(cell.level),
        cell.data,
        f"{100 * cell.density:.2f}",
        count_text(cell.n, cell.tickets),
        interval_text(own.accuracy, own.accuracy_low, own.accuracy_high, ".2f"),
        *("" if row is None else _difference(row) for row in others),
        cell.verdict or "none",
    ]


def _difference(row: EvidenceRow) -> str:
    if row.verdict == IDENTICAL:
        return IDENTICAL
    return interval_text(row.gain, row.gain_low, row.gain_high, "+.2f")


def csv_text(matrix: Matrix) -> str:
    """A line for each network of each cell, numbers in full; what is not known is empty."""
    names = [field.name for field in dataclasses.fields(EvidenceRow)]
    rows = [
        [cell.ticket, cell.data, cell.found_on, *dataclasses.astuple(row)]
        for cell in matrix.cells
        for row in cell.rows
    ]
    return Table([Column(name) for name in ("ticket", "data", "found_on", *names)], rows).csv()
