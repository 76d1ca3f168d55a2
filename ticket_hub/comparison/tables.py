"""A comparison as tables and sentences for people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ticket_hub.comparison.ladder import Measured
from ticket_hub.comparison.studies import Study, StudyLevel
from ticket_hub.evidence import count_text
from ticket_hub.evidence.contrasts import ContrastInterval
from ticket_hub.evidence.counts import number_of
from ticket_hub.evidence.rows import IDENTICAL, Mean, mean_of
from ticket_hub.evidence.rule import USUAL
from ticket_hub.evidence.statistics import Difference
from ticket_hub.recipe.own import read_at
from ticket_hub.table import Column, Table
from ticket_hub.transfer.spec import DENSE, TICKET

if TYPE_CHECKING:
    from ticket_hub.comparison.compared import Between, Compared

__all__ = ["between_table", "described", "labels", "markdown", "notes", "runs_table"]

MAX_VALUE = 24


def runs_table(compared: Compared) -> Table:
    """One row for each run and level: the ticket, its verdict, and its lead on each control."""
    controls = tuple(
        dict.fromkeys(
            each.control
            for study in compared.studies.values()
            for level in study.levels
            for each in (level.verdict.comparisons if level.verdict else ())
        )
    )
    stop = read_at(
        stops_early=any(
            each.outcome.stops_early
            for study in compared.studies.values()
            for level in study.levels
            for each in level.networks.values()
        )
    )
    numbers = ("level", "weights left (%)", "n", "test accuracy (%)", stop)
    return Table(
        columns=[
            Column("run"),
            *(Column(name, right=True) for name in numbers),
            *(Column(f"minus {name}", right=True) for name in controls),
            Column("verdict"),
        ],
        rows=[
            cells
            for label, study in compared.studies.items()
            for cells in _study_cells(label, study, controls)
        ],
    )


def _study_cells(label: str, study: Study, controls: Sequence[str]) -> Iterator[tuple[str, ...]]:
    if study.dense is not None:
        yield (*_measured_cells(label, 0, study.dense), *("" for _ in controls), DENSE)
    for level in study.levels:
        yield (
            *_measured_cells(label, level.level, level.ticket),
            *(_gain_text(level, name) for name in controls),
            (level.verdict.word or "none") if level.verdict else "none",
        )


def _measured_cells(label: str, level: int, measured: Measured) -> tuple[str, ...]:
    accuracy = mean_of(measured.outcome.accuracy)
    stop = mean_of(measured.outcome.early_stop)
    return (
        label,
        str(level),
        f"{100 * measured.density:.2f}",
        count_text(measured.n, measured.tickets),
        interval_text(accuracy),
        interval_text(stop, 1, ",.0f"),
    )


def _gain_text(level: StudyLevel, control: str) -> str:
    for each in level.verdict.comparisons if level.verdict else ():
        if each.control == control:
            if each.identical:
                return IDENTICAL
            return interval_text(each.difference, 100, "+.2f")
    return ""


def interval_text(
    found: Mean | Difference | ContrastInterval, factor: int = 100, form: str = ".2f"
) -> str:
    """`98.02 ±0.11`; `98.02 +0.10 -0.12` where the bounds are not as far; the mean alone."""
    mean, up, down = (
        factor * x for x in (found.mean, found.high - found.mean, found.mean - found.low)
    )
    text = f"{mean:{form}}"
    if not (math.isfinite(up) and math.isfinite(down)):
        return text
    plain = form.removeprefix("+")
    if math.isclose(up, down, rel_tol=1e-6, abs_tol=1e-9):
        return f"{text} ±{up:{plain}}"
    return f"{text} +{up:{plain}} -{down:{plain}}"


def between_table(compared: Compared) -> Table | None:
    """Tickets and dense networks of every later run minus the first's; None of a single run."""
    shown = [each for each in compared.between if each.network in {TICKET, DENSE}]
    if not shown:
        return None
    first = next(iter(compared.studies))
    numbers = ("weights left (%)", "n", f"minus {first}", f"sooner than {first}")
    return Table(
        columns=[
            Column("run"),
            Column("network"),
            *(Column(name, right=True) for name in numbers),
            Column("statistics"),
        ],
        rows=[
            [
                each.label,
                each.network,
                f"{100 * each.density:.2f}",
                _n_text(each),
                interval_text(each.contrast.accuracy, 100, "+.2f"),
                _ratio_text(each.contrast.sooner),
                each.reason,
            ]
            for each in shown
        ],
    )


def _n_text(each: Between) -> str:
    found = each.contrast
    own, other = (
        count_text(found.n, found.tickets),
        count_text(found.n_other, found.tickets_other),
    )
    return own if found.pairing != "none" and own == other else f"{own}; {other}"


def _ratio_text(found: ContrastInterval) -> str:
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return f"{found.mean:.2f}x"
    return f"{found.mean:.2f}x ({found.low:.2f} to {found.high:.2f})"


def notes(compared: Compared) -> list[str]:
    """What must be known to read the tables, one sentence each."""
    kinds = {study.kind for study in compared.studies.values()}
    found = [
        "Means over n tickets, or runs of fewer, with 95% intervals; stops in iterations.",
        *_about_verdicts(compared),
    ]
    if "experiment" in kinds:
        found.append(
            "In an experiment, differences to controls are paired: all networks of a trial saw the "
            "same examples in the same order."
        )
    if "search" in kinds:
        found.append(
            "In a search, differences to the dense network are paired by seed: the networks of a "
            "trial begin from one initialization, and each level has a data order of its own."
        )
    if len(compared.studies) > 1:
        found += _about_between(compared)
    return found


def _about_verdicts(compared: Compared) -> Iterator[str]:
    """By what words are given, where there are any."""
    if not compared.family:
        return
    rule = compared.rule
    confidence = (
        ""
        if rule.confidence == USUAL.confidence
        else (f" Intervals of differences to controls are {100 * rule.confidence:g}%.")
    )
    yield (
        f"Verdicts: margin {100 * rule.margin:g} points, alpha {rule.alpha:g}, Holm's correction "
        f"for {compared.family} comparison{'s' * (compared.family != 1)} with controls; intervals "
        f"are not corrected.{confidence}"
    )
    for label, study in compared.studies.items():
        note = rule.coarse_note(study.test_examples, about=label)
        if note:
            yield note


def _about_between(compared: Compared) -> Iterator[str]:
    if compared.fair:
        yield "The runs agree in data, preprocessing, training, network and trials."
    else:
        yield (
            "The runs may not be compared fairly, since they differ in what follows; a difference "
            "between them is then no evidence about the tickets alone."
        )
        for term in compared.differing:
            values = ", ".join(f"{label} {_short(value)}" for label, value in term.values.items())
            yield f"Differs: {term.name}: {values}."
    if any(each.contrast.pairing == "none" for each in compared.between):
        yield "Where runs share no data orders, their differences are unpaired: Welch intervals."
    if compared.between:
        yield "Intervals between runs are not corrected for their number."


def _short(value: Any) -> str:  # noqa: ANN401 - any plain value
    if value is None:
        return "not known"
    if isinstance(value, Mapping | list) and not value:
        return "none"
    text = str(value)
    return text if len(text) <= MAX_VALUE else f"{text[:12]}..."


def described(compared: Compared) -> dict[str, str]:
    """What each label stands for: `NAME (search, lenet-300-100 on mnist, 5 trials)`."""
    return {
        label: f"{study.name} ({study.kind}, {study.about}, "
        f"{number_of(study.terms['trials'], 'trial')})"
        for label, study in compared.studies.items()
    }


def labels(compared: Compared) -> list[str]:
    """The runs by their labels, a line for each."""
    return [f"{label}: {about}" for label, about in described(compared).items()]


def markdown(compared: Compared) -> str:
    """Both tables as Markdown, the runs named above and the notes below."""
    blocks = [*(f"- {line}" for line in labels(compared)), ""]
    for table in (runs_table(compared), between_table(compared)):
        if table is not None:
            blocks += [table.markdown(), ""]
    blocks += [f"- {note}" for note in notes(compared)]
    return "\n".join(blocks) + "\n"
