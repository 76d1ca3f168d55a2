"""A comparison as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from ticket_hub.comparison.compared import Between, Compared
from ticket_hub.comparison.studies import Study
from ticket_hub.comparison.tables import between_table, described, notes, runs_table
from ticket_hub.durable import write_bytes
from ticket_hub.evidence import count_text
from ticket_hub.report.experiments import ABOUT_DIFFERENCES, ABOUT_LEARNING, WITH_CONTROLS
from ticket_hub.report.figures import ladder_figure, tickets_figure
from ticket_hub.report.forest import Branch, differences_figure, forest_figure, verdict_branches
from ticket_hub.report.learning import curves_figure, learning_figure
from ticket_hub.report.page import about_ladder, facts_list, figure_block, shell
from ticket_hub.report.panels import some
from ticket_hub.report.style import themed_svg
from ticket_hub.transfer.spec import DENSE, TICKET

__all__ = ["between_figure", "comparison_page", "write_page"]

MAX_BRANCHES = 24
MAX_SETTINGS = 2
"""That are written beside a run's label in a figure."""
MAX_LEVELS = 2
"""Levels of each experiment whose training is drawn."""

ABOUT_ALL = (
    "Tickets and dense networks of all runs: test accuracy at the early stop, and the iteration "
    "of the early stop, against the weights that remain."
)
ABOUT_BETWEEN = (
    "Accuracy of the later runs minus that of the first, at densities that both have. An open mark "
    "is of runs that share no data orders: its interval is unpaired."
)


def write_page(compared: Compared, path: Path) -> None:
    """Write the page to a file.

    Raises:
        StorageError: it cannot be written.
    """
    write_bytes(path, comparison_page(compared).encode())


def comparison_page(compared: Compared) -> str:
    """The page as text; it asks for nothing from any other place."""
    parts = [
        facts_list(described(compared)),
        *(f"<p>{escape(note)}</p>" for note in notes(compared)),
        "<h2>The numbers</h2>",
        runs_table(compared).html(),
        *_between(compared),
        "<h2>Against density</h2>",
        *_all_ladders(compared),
        *(part for label, study in compared.studies.items() for part in _ladder(label, study)),
        "<h2>Differences to the controls</h2>",
        *(part for label, study in compared.studies.items() for part in _forest(label, study)),
        "<h2>While they train</h2>",
        *(part for label, study in compared.studies.items() for part in _training(label, study)),
    ]
    names = [study.name for study in compared.studies.values()]
    return shell("Compared: " + ", ".join(names), parts)


def _between(compared: Compared) -> Iterator[str]:
    table = between_table(compared)
    if table is not None:
        yield f"<h2>Against {escape(next(iter(compared.studies)))}</h2>"
        yield table.html()
        yield figure_block(themed_svg(between_figure(compared)), ABOUT_BETWEEN)


def between_figure(compared: Compared) -> Figure:
    """A forest plot of tickets and dense networks of every later run minus the first's."""
    first = next(iter(compared.studies))
    shown = [each for each in compared.between if each.network in {TICKET, DENSE}]
    return forest_figure(
        [_branch(each) for each in some(shown, MAX_BRANCHES)],
        what=f"test accuracy minus that of {first}",
        which="run and network",
        margin=None,
    )


def _branch(each: Between) -> Branch:
    found = each.contrast
    paired, own = found.pairing != "none", count_text(found.n, found.tickets)
    return Branch(
        label=f"{each.label}, {each.network}, {100 * each.density:.3g}% of weights",
        name=each.network,
        mean=found.accuracy.mean,
        low=found.accuracy.low,
        high=found.accuracy.high,
        n=own if paired else f"{own} and {count_text(found.n_other, found.tickets_other)}",
        paired=paired,
    )


def _all_ladders(compared: Compared) -> Iterator[str]:
    # Each run's label with what it was trained with, where runs differ in one or two settings.
    differing = [each for each in compared.differing if each.name != "data.fingerprint"]
    settings = (
        {}
        if not 1 <= len(differing) <= MAX_SETTINGS
        else {
            label: f"{label}: "
            + ", ".join(f"{e.name.split('.')[-1]} {e.values[label]}" for e in differing)
            for label in compared.studies
        }
    )
    ladders = {settings.get(each, each): ladder for each, ladder in compared.ladders().items()}
    if len(ladders) > 1:
        yield figure_block(themed_svg(tickets_figure(ladders)), ABOUT_ALL)


def _ladder(label: str, study: Study) -> Iterator[str]:
    ladder = study.ladder()
    if ladder is not None and ladder.series:
        yield _title(label, study)
        drawn = themed_svg(ladder_figure(ladder, bars="interval"))
        yield figure_block(drawn, about_ladder(ladder, of=WITH_CONTROLS))


def _forest(label: str, study: Study) -> Iterator[str]:
    if verdict_branches(study.levels):
        yield _title(label, study)
        figure = differences_figure(study.levels, title=study.about)
        yield figure_block(themed_svg(figure), ABOUT_DIFFERENCES)


def _training(label: str, study: Study) -> Iterator[str]:
    ladder = study.ladder()
    if ladder is None or not ladder.series:
        return
    yield _title(label, study)
    if study.kind == "search":
        about = "Accuracy and validation loss of the tickets during training, at some levels."
        yield figure_block(themed_svg(curves_figure(ladder)), about)
        return
    for level in some(study.levels, MAX_LEVELS):
        figure = learning_figure(
            study.learning(level),
            title=f"{study.about}, {100 * level.density:.3g}% of weights (level {level.level})",
        )
        yield figure_block(themed_svg(figure), ABOUT_LEARNING)


def _title(label: str, study: Study) -> str:
    return f"<h3>{escape(label)}: {escape(study.name)}</h3>"
