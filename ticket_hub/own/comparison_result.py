"""What a comparison in an author's own loop came to: the verdict, written beside its networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub.durable import write_bytes, write_json
from ticket_hub.evidence import Rule
from ticket_hub.runs.folder import RunFolder
from ticket_hub.transfer.level_evidence import LevelEvidence, notes_of, record
from ticket_hub.transfer.retraining import tickets_of
from ticket_hub.transfer.source import Source
from ticket_hub.transfer.spec import Request
from ticket_hub.transfer.tables import csv_text, markdown

__all__ = ["ComparisonResult", "write_result"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparisonResult:
    """What a comparison came to.

    Attributes:
        run: its folder, with `evidence.json`, `comparisons.csv` and `comparisons.md`; `ticket
            report RUN` draws its figures.
        levels: the evidence, level by level; `levels[0].verdict.word` and `.reason` say it.
        table: the numbers and the reasons, as Markdown.
    """

    run: Path
    levels: tuple[LevelEvidence, ...]
    table: str


def write_result(
    run: Path,
    source: Source,
    levels: Sequence[LevelEvidence],
    *,
    request: Request,
    header: Mapping[str, Any],
    rule: Rule,
    who: str,
) -> ComparisonResult:
    """Write the judged levels of a finished comparison into its folder.

    Args:
        header: of the run, as its folder has it.
        who: whose evidence this is, for the record.

    Raises:
        StorageError: a file cannot be written.
    """
    environment, exact = RunFolder(run).read_environment()
    # The last iteration that is known of each network, the most of all; empty unless it is known of
    # all. It is what the loop reported, or else what its optimizers were seen to do; it counts from
    # the initialization, so those behind a rewound theta0 are in it.
    found: dict[str, int] = {}
    for level in levels:
        for name, results in level.results.items():
            last = max(int(each.curves.iterations[-1]) for each in results)
            found[name] = max(found.get(name, 0), last)
    budgets = found if all(found.values()) else {}
    about: dict[str, Any] = {
        "who": who,
        "environment": environment,
        "bit_exact": exact,
        "tickets": tickets_of(source.bundle) | {"pulled": source.pulled},
        "request": vars(request),
        "budgets": budgets,
        "iterations_in_all": budgets,
        "loop": header["loop"],
    }
    notes = notes_of(levels, rule, test_examples=None, iterations_in_all=budgets)
    if not budgets:
        notes.append("How many iterations each network had is not recorded.")
    table = markdown(levels, notes, rule.metric)
    write_json(run / "evidence.json", record(levels, header, about, rule))
    write_bytes(run / "comparisons.csv", csv_text(levels).encode())
    write_bytes(run / "comparisons.md", table.encode())
    return ComparisonResult(run=run, levels=tuple(levels), table=table)
