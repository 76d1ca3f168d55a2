"""The evidence, `metrics.json`: every reading of every curve, exactly.

It is JSON that anything can read. This module writes it with one column a line and takes back
nothing else, so that a large file is read in pieces, without ever holding its text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ticket_hub.bundle import layout, strict
from ticket_hub.bundle.experiment_record import MAX_READINGS, TrialCurve
from ticket_hub.durable import canonical_json
from ticket_hub.errors import BundleFormatError
from ticket_hub.evidence import Outcome
from ticket_hub.recipe.own import are_names
from ticket_hub.training import Curves

__all__ = [
    "SAMPLE",
    "CurveRecord",
    "columns_of",
    "lines",
    "outcome_of",
    "parse_lines",
    "thinned",
]

COLUMNS = ("iterations", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
SAMPLE = ("train_loss", "train_accuracy")
"""Columns that stand after the others where a sample of the training part was read, too."""
MAX_VALUES = 1 << 21
_OPEN, _BETWEEN, _CLOSE = b'{"curves":[', b",", b'],"format":1}'
_HEAD = {"backend": str, "chosen": int, "control": str, "level": int, "trial": int}
_MEASURED = "measured"


@dataclass(frozen=True, kw_only=True, eq=False)
class CurveRecord:
    """The curves of one trial at one level.

    Attributes:
        control: `ticket`, or the name of a control.
        backend: what trained it.
    """

    level: int
    trial: int
    control: str
    backend: str
    curves: Curves

    @property
    def chosen(self) -> int:
        """The iteration of the early stop."""
        return self.curves.stopped_at


def lines(records: Iterable[CurveRecord]) -> Iterator[bytes]:
    """The file, line by line, each with its newline. NaN is written as null."""
    yield _OPEN + b"\n"
    for number, record in enumerate(records):
        if number:
            yield _BETWEEN + b"\n"
        head = {name: getattr(record, name) for name in _HEAD}
        if record.curves.measured:
            head[_MEASURED] = dict(record.curves.measured)
        yield _spelled(head) + b"\n"
        table = columns_of(record.curves)
        for column, values in table.items():
            end = "}" if column == list(table)[-1] else ","
            text = json.dumps(values, separators=(",", ":"))
            yield f'"{column}":{text}{end}\n'.encode()
    yield _CLOSE + b"\n"


def columns_of(curves: Curves) -> dict[str, list[float | int | None]]:
    """The numbers of curves by column; those of the training sample only where it was read."""
    sampled = curves.train_loss is not None
    return {name: _readings(getattr(curves, name)) for name in COLUMNS + SAMPLE * sampled}


def thinned(curves: Curves) -> TrialCurve:
    """Some readings of a curve, evenly chosen, with the first, the last, and the early stop.

    Accuracies have five significant digits, which is below a hundredth of a point.
    """
    count = len(curves.iterations)
    steps = min(count, MAX_READINGS) - 1
    chosen = {round(step * (count - 1) / max(steps, 1)) for step in range(steps + 1)}
    if curves.early_stop not in chosen:  # it takes the place of a neighbour
        chosen -= {min(chosen - {0, count - 1}, key=lambda each: abs(each - curves.early_stop))}
        chosen |= {curves.early_stop}
    places = sorted(chosen)
    return TrialCurve(
        iterations=tuple(curves.iterations[places].tolist()),
        validation_accuracy=tuple(map(_brief, _readings(curves.validation_accuracy[places]))),
        test_accuracy=tuple(map(_brief, _readings(curves.test_accuracy[places]))),
    )


def _brief(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")


def outcome_of(
    curves: Sequence[Curves], tickets: Sequence[str] = (), starts: Sequence[str] = ()
) -> Outcome:
    """What all trials of one kind of network came to; see `ticket_hub.evidence.Outcome`.

    Of other numbers that an author's own loop measured, one that some trials lack is left out.

    Args:
        curves: of each trial.
        tickets, starts: of each trial: of which ticket it is, and a digest of what it began with.
    """
    names = set.intersection(*(set(each.measured) for each in curves)) if curves else set()
    return Outcome(
        accuracy=tuple(each.accuracy for each in curves),
        early_stop=tuple(each.stopped_at for each in curves),
        starts=tuple(starts),
        tickets=tuple(tickets),
        stops_early=any(each.stops_early for each in curves),
        measured={name: tuple(each.measured[name] for each in curves) for name in sorted(names)},
    )


def _readings(values: Tensor) -> list[float | int | None]:
    """The numbers of a curve `(readings,)`; None where nothing was read, which is NaN."""
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN


def parse_lines(source: Iterable[bytes]) -> Iterator[CurveRecord]:
    """The records of a file, line by line.

    Raises:
        BundleFormatError: a line that `lines` would not have written.
    """
    rest = iter(source)
    _expect(next(rest, b""), _OPEN)
    line = next(rest, b"").rstrip(b"\n")
    while line != _CLOSE:
        head = _head(line)
        columns: dict[str, Tensor] = {}
        for name in COLUMNS + SAMPLE:
            columns[name], is_last = _column(name, next(rest, b""))
            if is_last:
                break
        if len({len(column) for column in columns.values()}) != 1 or not len(columns["iterations"]):
            raise _broken("the columns of a curve differ in length, or are empty")
        chosen, measured = head.pop("chosen"), head.pop(_MEASURED, {})
        record = CurveRecord(curves=Curves(**columns, measured=measured), **head)
        if bool((columns["iterations"].diff() <= 0).any()) or chosen != record.chosen:
            raise _broken("its iterations do not rise, or it chose another one than its curve says")
        yield record
        line = next(rest, b"").rstrip(b"\n")
        if line == _BETWEEN:
            line = next(rest, b"").rstrip(b"\n")
        elif line != _CLOSE:
            raise _broken("a line is missing")
    if next(rest, None) is not None:
        raise _broken("it goes on after its end")


def _expect(line: bytes, text: bytes) -> None:
    if line != text + b"\n":
        raise _broken(f"{line[:40]!r} stands where {text!r} belongs")


def _head(line: bytes) -> dict[str, Any]:
    table = strict.parse(line.removesuffix(b",") + b"}", source=layout.METRICS)
    kinds = {key: type(value) for key, value in table.items()} if isinstance(table, dict) else {}
    if kinds.pop(_MEASURED, dict) is not dict or kinds != _HEAD:
        raise _broken("a curve does not say what it is of")
    measured = table.get(_MEASURED, {_MEASURED: 0.0})
    if not (measured and are_names(measured) and {type(x) for x in measured.values()} == {float}):
        raise _broken("what else was measured has no names, or is no number")
    if min(table["level"], table["trial"]) < 0:
        raise _broken("a curve is of a level or trial below 0")
    if line != _spelled(table):
        raise _broken("the spelling of a curve is not the one that was written")
    head: dict[str, Any] = table
    return head


def _spelled(head: dict[str, Any]) -> bytes:
    return canonical_json(head)[:-1] + b","


def _column(name: str, line: bytes) -> tuple[Tensor, bool]:
    """The values of a column, and whether it ends its curve."""
    is_last = name == SAMPLE[-1] or (name == COLUMNS[-1] and line.endswith(b"}\n"))
    prefix, end = f'"{name}":'.encode(), b"}\n" if is_last else b",\n"
    if not (line.startswith(prefix) and line.endswith(end)):
        raise _broken(f"a curve has no {name}")
    text = line[len(prefix) : -len(end)]
    values = strict.parse(text, source=layout.METRICS, containers=1, values=MAX_VALUES)
    kinds = {int} if name == "iterations" else {float, type(None)}
    if not isinstance(values, list) or not {type(value) for value in values} <= kinds:
        raise _broken(f"the {name} of a curve are not numbers")
    if json.dumps(values, separators=(",", ":")).encode() != text:
        raise _broken(f"the spelling of {name} is not the one that was written")
    if name == "iterations":
        return torch.tensor(values, dtype=torch.int64), is_last
    numbers = [float("nan") if value is None else value for value in values]
    return torch.tensor(numbers, dtype=torch.float64), is_last


def _broken(reason: str) -> BundleFormatError:
    return BundleFormatError(
        f"{layout.METRICS} breaks the format: {reason}.",
        "Fetch the bundle again, or ask its author to write it again.",
    )
