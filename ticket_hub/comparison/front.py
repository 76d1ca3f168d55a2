"""From what a person types to a comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ticket_hub.comparison.compared import Compared, compare_studies, nearest
from ticket_hub.comparison.studies import Study, bundle_study, experiment_study
from ticket_hub.errors import EvidenceError, TicketNotFoundError
from ticket_hub.evidence import Rule
from ticket_hub.evidence.verdict import ALPHA, MARGIN
from ticket_hub.hub.address import PlaceLike, named_places, split_level
from ticket_hub.transfer.source import open_place
from ticket_hub.transfer.stored import find_experiment, read_experiment

__all__ = ["compare"]


def compare(
    places: PlaceLike | Sequence[PlaceLike],
    *,
    hub: str | Path | None = None,
    margin: float = MARGIN,
    alpha: float = ALPHA,
) -> Compared:
    """Put runs and tickets beside each other, the later ones against the first.

    All that is compared with a control, in all runs and levels, is judged as one family.

    Args:
        places: one or several of `FOLDER`, `RUN` or `RECIPE` of a search, the folder or the name of
            an experiment that `ticket_hub.retrain` has made, or `owner/name[@revision]`, which is
            pulled; each may end with levels behind a colon: `:7`, `:3,7,11`, `:d0.036`, `:best`,
            `:all`. The default is all.
        hub: where to pull from; see `ticket_hub.pull_bundle`.
        margin: how far below a reference still is not inferior: 0.002 is 0.2 points of accuracy.
        alpha: chance of any false word.

    Raises:
        RecipeError: a margin or an alpha that cannot be.
        TicketNotFoundError: there is no such run, bundle or level.
        EvidenceError: nothing was measured there, or an experiment is not finished.
        HubError: it cannot be pulled.
        BundleError, RunError: a file breaks the format or is damaged.
    """
    rule = Rule(margin=margin, alpha=alpha)
    rule.check()
    studies = [_study(place, hub) for place in named_places(places)]
    strange = [study for study in studies if not study.metric.is_accuracy]
    if strange:
        raise EvidenceError(
            f"{strange[0].name} was measured by {strange[0].metric.name}, and accuracies are "
            "compared here.",
            "Compare such tickets with their controls in their author's loop: `own.Comparison`.",
        )
    return compare_studies(studies, rule)


def _study(place: str, hub: str | Path | None) -> Study:
    name, level = split_level(place)
    folder = find_experiment(name) if hub is None else None
    if folder is not None:
        return _only(experiment_study(read_experiment(folder)), level, None)
    source, level = open_place(place, hub)
    shown = Path(name).resolve().name if Path(name).is_dir() else name
    return _only(
        bundle_study(source.bundle, name=source.pulled or shown),
        level,
        source.bundle.default.level,
    )


def _only(study: Study, text: str | None, best: int | None) -> Study:
    """The levels that a text names, and the dense network."""
    if text in {None, "all"}:
        return study
    wanted = {_index(study, part, best) for part in (text or "").split(",")}
    return replace(study, levels=tuple(each for each in study.levels if each.level in wanted))


def _index(study: Study, text: str, best: int | None) -> int:
    measured = {str(each.level): each.level for each in study.levels}
    near = _near(study, text)
    found = near if near is not None else best if text == "best" else measured.get(text)
    if found is None or found not in measured.values():
        raise TicketNotFoundError(
            f"{study.name} has no measurements of level {text[:80]!r}.",
            f"It has level {', '.join(measured) or 'none'}.",
        )
    return found


def _near(study: Study, text: str) -> int | None:
    """The level with the density that `d0.036` names."""
    try:
        density = float(text.removeprefix("d")) if text.startswith("d") else math.nan
    except ValueError:
        return None
    near = nearest(study.levels, density) if density > 0 else None
    return None if near is None else near.level
