"""Reports of experiments: tickets, controls and dense networks, from the experiment's folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from ticket_hub.comparison.ladder import Bars, MeasuredLadder
from ticket_hub.comparison.studies import Study, experiment_study
from ticket_hub.durable import write_bytes
from ticket_hub.errors import EvidenceError
from ticket_hub.evidence import count_text
from ticket_hub.recipe.experiment_spec import spec_of, start_note
from ticket_hub.recipe.toml import toml_text
from ticket_hub.report.figures import ladder_figure
from ticket_hub.report.forest import differences_figure
from ticket_hub.report.learning import curves_figure, learning_figure
from ticket_hub.report.page import about_ladder, facts_list, figure_block, shell
from ticket_hub.report.panels import some
from ticket_hub.report.style import image, themed_svg
from ticket_hub.report.write import Form
from ticket_hub.transfer.budgets import totals_of
from ticket_hub.transfer.level_evidence import LevelEvidence, notes_of
from ticket_hub.transfer.stored import StoredExperiment
from ticket_hub.transfer.tables import csv_text, markdown, shown_rows

__all__ = ["ABOUT_DIFFERENCES", "ABOUT_LEARNING", "WITH_CONTROLS", "report_experiment"]

MAX_LEVELS = 4
"""Levels whose training is drawn: the first, the last, and some between."""

WITH_CONTROLS = ", of the tickets and their controls"
ABOUT_DIFFERENCES = (
    "Accuracy of the tickets minus that of each control, with its interval, which is not corrected "
    "for the number of comparisons; right of 0 the ticket is better. The dashed line is the margin "
    "that references are judged by."
)
"""What the figure of differences shows, and how to read it."""
_ABOUT_NUMBERS = (
    "Means over n tickets, or runs of fewer, with 95% intervals in parentheses. Differences are "
    "paired: all networks of a trial saw the same examples in the same order. Words are given "
    "after Holm's correction over all controls and levels; the intervals are not corrected."
)
ABOUT_LEARNING = (
    "Accuracy and validation loss during training at one level: ticket, controls, dense network."
)
"""What the learning curves show."""


def report_experiment(
    stored: StoredExperiment,
    folder: Path,
    forms: Sequence[Form] = ("png", "html"),
    *,
    bars: Bars = "interval",
) -> list[Path]:
    """Draw an experiment into a folder, and name the files.

    `png` and `svg` give `ladder`, `curves` (the tickets, level by level), `differences`, and
    `learning-LLL` for at most four levels; `csv` and `md` the numbers as `comparisons`; `html`
    everything as `report.html`.

    Args:
        stored: see `ticket_hub.transfer.stored.read_experiment`.
        bars: 95% Student-t intervals, or from the least to the greatest trial.

    Raises:
        EvidenceError: it has no tickets.
        StorageError: a file cannot be written.
    """
    study = experiment_study(stored)
    figures = {} if {"csv", "md"}.issuperset(forms) else _figures(study, bars)
    written = []
    for form in forms:
        for name, data in _files(stored, study, form, figures):
            write_bytes(folder / name, data)
            written.append(folder / name)
    return written


def _files(
    stored: StoredExperiment, study: Study, form: Form, figures: Mapping[str, Figure]
) -> Iterator[tuple[str, bytes]]:
    if form == "html":
        parts = [
            *(f"<p>{escape(_sentence(level))}</p>" for level in stored.levels),
            *(f"<p>{escape(note)}</p>" for note in _notes(stored)),
            figure_block(
                themed_svg(figures["ladder"]), about_ladder(_ladder(study), of=WITH_CONTROLS)
            ),
            "<h2>The numbers</h2>",
            shown_rows(stored.levels, stored.spec.metric).html(),
            f'<p class="soft">{_ABOUT_NUMBERS}</p>',
            "<h2>Differences to the controls</h2>",
            figure_block(themed_svg(figures["differences"]), ABOUT_DIFFERENCES),
            "<h2>While they train</h2>",
            *(
                figure_block(themed_svg(figure), ABOUT_LEARNING)
                for name, figure in figures.items()
                if name.startswith("learning-")
            ),
            "<h2>Where this comes from</h2>",
            facts_list(_facts(stored)),
            "<h2>What was done</h2>",
            f"<pre><code>{escape(toml_text(_done(stored)))}</code></pre>",
        ]
        yield "report.html", shell(f"Tickets retrained: {study.about}", parts).encode()
    elif form == "csv":
        yield "comparisons.csv", csv_text(stored.levels).encode()
    elif form == "md":
        yield "comparisons.md", markdown(stored.levels, _notes(stored), stored.spec.metric).encode()
    else:
        for name, figure in figures.items():
            data = image(figure, form)
            yield f"{name}.{form}", data


def _figures(study: Study, bars: Bars) -> dict[str, Figure]:
    ladder = _ladder(study)
    found = {"ladder": ladder_figure(ladder, bars=bars), "curves": curves_figure(ladder)}
    found["differences"] = differences_figure(study.levels, title=study.about, metric=study.metric)
    return found | {
        f"learning-{level:03d}": each
        for level, each in {
            level.level: learning_figure(
                study.learning(level),
                title=f"{study.about}, {100 * level.density:.3g}% of weights (level {level.level})",
            )
            for level in some(study.levels, MAX_LEVELS)
        }.items()
    }


def _ladder(study: Study) -> MeasuredLadder:
    ladder = study.ladder()
    if ladder is None or not ladder.series:
        raise EvidenceError(
            f"{study.name} has no tickets.", "The same `ticket retrain` trains what is missing."
        )
    return ladder


def _notes(stored: StoredExperiment) -> list[str]:
    return notes_of(
        stored.levels,
        stored.rule,
        test_examples=stored.header["data"].get("test_examples"),
        iterations_in_all=totals_of(stored.record.get("budgets", {})),
        start=start_note(spec_of(stored.header["spec"])),
    )


def _sentence(level: LevelEvidence) -> str:
    needed = level.verdict.trials_needed
    more = f" About {needed} trials would decide." if needed and level.verdict.word else ""
    return f"Level {level.level}: {level.verdict.reason}{more}"


def _facts(stored: StoredExperiment) -> dict[str, str]:
    record, data = stored.record, stored.header["data"]
    tickets: Mapping[str, object] = record["tickets"]
    found = {
        "experiment": f"{stored.path.name} (digest {stored.spec.digest})",
        "by": str(record["who"]),
        "data": f"{data['name']} (fingerprint {data['fingerprint']})",
        "trials": count_text(stored.request.trials, stored.levels[0].verdict.tickets),
        "controls": ", ".join(stored.request.controls),
        **{f"tickets: {key.replace('_', ' ')}": str(value) for key, value in tickets.items()},
        "bits": "exact" if record["bit_exact"] else "it went on in another environment",
        **{key.replace("_", " "): str(value) for key, value in record["environment"].items()},
    }
    return {name: text for name, text in found.items() if text}


def _done(stored: StoredExperiment) -> dict[str, object]:
    """The experiment's spec, without the digests of the starting weights."""
    return {key: value for key, value in stored.spec.to_table().items() if key != "theta0"}
