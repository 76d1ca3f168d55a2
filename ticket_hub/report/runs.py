"""Reports of whatever was measured: a search with its bundle, or an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from ticket_hub.bundle import open_bundle
from ticket_hub.comparison.bundles import subject
from ticket_hub.comparison.ladder import Bars
from ticket_hub.errors import RecipeError
from ticket_hub.hub.address import PlaceLike, named_place
from ticket_hub.report.experiments import report_experiment
from ticket_hub.report.figure_style import FigureStyle, styled
from ticket_hub.report.transfers import report_transfer
from ticket_hub.report.write import Form, write_report
from ticket_hub.runs.locate import locate_whole
from ticket_hub.transfer.stored import find_experiment, find_transfer, read_experiment

__all__ = ["report_run"]


def report_run(
    place: PlaceLike,
    folder: str | Path | None = None,
    forms: Form | Sequence[Form] = ("html",),
    *,
    bars: Bars | None = None,
    style: FigureStyle | None = None,
) -> list[Path]:
    """Draw the evidence of a search, an experiment or a transfer into a folder; name the files.

    Args:
        place: a bundle, the run of a search, an experiment that `ticket_hub.retrain` has made, or
            a transfer; each by its folder or its name.
        folder: where the files go, made if need be; by default `report` in the run, or beside the
            bundle.
        forms: one or several of `png`, `svg`, `pdf`, `csv`, `md` and `html`; see
            `ticket_hub.report.write.write_report`,
            `ticket_hub.report.experiments.report_experiment`, and `ticket_hub.report.transfers`.
        bars: `range`, from the least to the greatest trial, or `interval`, 95% Student-t; by
            default the range for a search, as the papers draw it, and the interval for an
            experiment, as its verdicts are made.
        style: size, resolution, title and letters of the figures; by default as for a screen.

    Raises:
        TicketNotFoundError: there is no such bundle, run or experiment, or a level of it is named.
        EvidenceError: nothing was measured, or the experiment is not finished.
        BundleError, RunError: a file breaks the format or is damaged.
        StorageError: a file cannot be written.
        RecipeError: the style cannot be, or there is no such form.
    """
    forms = [forms] if isinstance(forms, str) else forms
    unknown = next((form for form in forms if form not in get_args(Form)), None)
    if unknown is not None:
        raise RecipeError(
            f"A report cannot be written as {unknown!r}.", f"There are {', '.join(get_args(Form))}."
        )
    with styled(style or FigureStyle()):
        name = named_place(place)
        transfer = find_transfer(name)
        if transfer is not None:
            return report_transfer(transfer, Path(folder or transfer / "report"), forms)
        experiment = find_experiment(name)
        if experiment is not None:
            stored = read_experiment(experiment)
            target = Path(folder or experiment / "report")
            return report_experiment(stored, target, forms, bars=bars or "interval")
        found = locate_whole(name)
        beside = Path() if found.pulled else found.bundle.parent
        bundle, target = open_bundle(found.bundle), Path(folder or beside / "report")
        return write_report(subject(bundle), target, forms, bars=bars or "range")
