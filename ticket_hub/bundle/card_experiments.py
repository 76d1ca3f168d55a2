"""The part of a card about evidence that was made with its tickets elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ticket_hub.bundle.experiment_record import ExperimentRecord, LevelResults
from ticket_hub.bundle.plugin_records import plugin_lines
from ticket_hub.bundle.reproduction_record import ReproductionRecord
from ticket_hub.evidence import Verdict
from ticket_hub.evidence.counts import budget_note
from ticket_hub.evidence.rows import EvidenceRow, level_rows, rows_table
from ticket_hub.recipe.experiment_spec import start_note
from ticket_hub.recipe.own import Metric
from ticket_hub.table import Column, Table

__all__ = [
    "experiments_section",
    "one_line",
    "record_rows",
    "reproductions_section",
    "whereabouts",
]

_INTRO = (
    "Experiments with these tickets that were added to this bundle. Their data orders are not "
    "those of the search above, so nothing here is part of its table. Means over n runs with 95% "
    "intervals in parentheses; verdicts are computed from the trials in `evidence/`, which are "
    "what those named below say that they measured, with Holm's correction over all that was asked "
    "for in one command; the intervals are not corrected."
)
_TRIED = (
    "What `ticket reproduce` came to, with 95% intervals: a claim is reproduced where every one of "
    "its statements is shown. The whole claims, which anybody can try, are in `reproductions/`."
)
_PLACES = ("device", "cpu_capability", "torch", "ticket_hub")
_MAX_LENGTH = 200


def one_line(text: str) -> str:
    """A text as one line that Markdown takes as it is."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", " ".join(text.split()))


def record_rows(
    record: ExperimentRecord, verdicts: Mapping[int, Verdict] | None = None
) -> list[EvidenceRow]:
    """Each level of a record: the ticket, then its controls.

    Args:
        verdicts: to show, by level; by default those of the record's own rule.
    """
    found = record.verdicts() if verdicts is None else verdicts
    return [row for level in record.levels for row in _rows(level, found[level.level])]


def _rows(level: LevelResults, verdict: Verdict) -> list[EvidenceRow]:
    networks = level.ordered()
    outcomes = {name: each.outcome for name, each in networks.items()}
    densities = {name: each.density for name, each in networks.items()}
    return level_rows(level.level, outcomes, densities, verdict)


def whereabouts(record: ExperimentRecord | ReproductionRecord) -> str:
    """The machine and the versions that a record names."""
    known = record.environment
    return ", ".join(f"{key} {known[key]}" for key in _PLACES if key in known) or "not said"


def reproductions_section(records: Sequence[ReproductionRecord]) -> list[str]:
    """Heading and a line for each claim that was tried; nothing where there is none."""
    if not records:
        return []
    return [
        "## Claims tried with these tickets",
        _TRIED,
        "\n".join(f"- {_tried(record)}" for record in records),
    ]


def _tried(record: ReproductionRecord) -> str:
    source = one_line(str(record.claim["source"])[:_MAX_LENGTH])
    parts = [
        f"{one_line(record.line)}. {record.title} ({source})",
        f"by {one_line(record.who or 'not said')}",
        f"on {one_line(whereabouts(record))}",
        record.when.replace("T", " ") or "at a time that is not said",
        f"claim `{record.digest[:12]}`",
    ]
    return ", ".join(parts)


def experiments_section(records: Sequence[ExperimentRecord]) -> list[str]:
    """Heading, table and sources as Markdown; nothing where there is no record."""
    if not records:
        return []
    kinds: dict[tuple[Metric, bool], list[ExperimentRecord]] = {}
    for record in records:
        kinds.setdefault((record.spec.metric, record.stops_early), []).append(record)
    tables = [_table(found, metric, stops_early=stop) for (metric, stop), found in kinds.items()]
    sources = "\n".join(f"- {_source(record)}" for record in records)
    return ["## Evidence from other experiments", _INTRO, *tables, sources]


def _table(records: Sequence[ExperimentRecord], metric: Metric, *, stops_early: bool) -> str:
    headings = map(one_line, rows_table([], metric, stops_early=stops_early).headings)
    columns = [Column(name) for name in ("data set", *headings)]
    rows = [
        [one_line(record.spec.data_name[:_MAX_LENGTH]), *texts]
        for record in records
        for texts in rows_table(record_rows(record), metric).texts()
    ]
    return Table(columns, rows).markdown()


def _source(record: ExperimentRecord) -> str:
    parts = [
        f"{one_line(record.spec.data_name[:_MAX_LENGTH])}: by {one_line(record.who or 'not said')}",
        f"on {one_line(whereabouts(record))}",
        record.when.replace("T", " ") or "at a time that is not said",
        f"bundle `{record.tickets.bundle[:12]}`, experiment `{record.spec.digest[:12]}`",
    ]
    parts += [f"with {one_line(line)}" for line in plugin_lines(record.plugins)]
    exact = "" if record.bit_exact else "; resumed in another environment"
    rule = record.rule
    family = max(each.family for each in record.verdicts().values())
    notes = [*filter(None, (start_note(record.spec), budget_note(record.iterations_in_all)))]
    judged = (
        f"margin {one_line(rule.metric.amount(rule.margin))}, alpha {rule.alpha:g}, corrected "
        f"for {family} comparison{'s' * (family != 1)}"
    )
    return f"{', '.join(parts)}{exact}; {judged}" + (f". {' '.join(notes)}" if notes else "")
