"""One ticket as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from sqlalchemy.engine import Connection

from ticket_hub.recipe.experiment_spec import DENSE
from ticket_hub.recipe.own import Metric, read_at
from ticket_hub.report.mask_size import picture_size
from ticket_hub.report.sizes import MAX_LEVELS, PER_INCH, forest_size, some
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.entries import metric_of
from ticket_hub_api.catalog.experiment_shapes import (
    ExperimentDetail,
    ExperimentFilter,
    ExperimentItem,
)
from ticket_hub_api.catalog.experiments import experiments_of, of_other_metrics
from ticket_hub_api.catalog.said import signers_of
from ticket_hub_api.catalog.ticket_shapes import TicketDetail
from ticket_hub_api.catalog.vouching import Vouching, vouching_of
from ticket_hub_api.pages import readme
from ticket_hub_api.pages.contents import card_of, evidence_of, mask_of, tried_claims
from ticket_hub_api.pages.figures import KINDS
from ticket_hub_api.pages.history import Happened, history_of
from ticket_hub_api.services import Services

if TYPE_CHECKING:
    from ticket_hub.bundle.reproduction_record import ReproductionRecord

__all__ = ["Figure", "TicketView", "view_of"]

MAX_EXPERIMENTS = 100
MAX_SHOWN = 4  # other numbers of an own loop in the table of levels
TWO_PANELS = ((864, 406), (442, 662))
"""Of figures with two panels, wide and narrow: see `ticket_hub.report.panels`."""
RULES = {
    "verdict": "the sparsest level whose evidence says winning or matching",
    "experiment": "the sparsest level that an experiment of its bundle says winning or matching of",
    "mean-within-margin": "the sparsest level whose mean is within {margin} of the dense "
    "network's; this is no verdict",
    "densest": "the densest level, since none comes near the dense network",
    "sparsest": "the sparsest level; there is no trained dense network to compare with",
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure with its words.

    Attributes:
        name: the last part of its address, without `-narrow` and the suffix.
        title, text: for people; the text stands in for the picture.
        sizes: width and height of the wide and the narrow one, where the evidence does not decide.
    """

    name: str
    title: str
    text: str
    sizes: tuple[tuple[int, int], tuple[int, int]] | None = None


@dataclass(frozen=True, kw_only=True)
class Words:
    """How the page speaks of a metric.

    Attributes:
        measured: `Accuracy`, `RMSE (°C)`.
        column, its: titles of columns of values.
        against, minus: titles of columns of differences, in which more is better for the ticket.
        difference: what they are, as a sentence.
        name: `Accuracy`, `RMSE`.
    """

    measured: str
    column: str
    its: str
    against: str
    minus: str
    difference: str
    name: str

    @classmethod
    def of(cls, metric: Metric) -> Words:
        """Those of a metric."""
        values = ", %" if metric.is_accuracy else f", {metric.unit}" if metric.unit else ""
        gains = ", points" if metric.is_accuracy else f", {metric.unit}" if metric.unit else ""
        name = metric.name[:1].upper() + metric.name[1:]
        lower = metric.lower_is_better
        return cls(
            measured=metric.label[:1].upper() + metric.label[1:],
            column=name + values,
            its=metric.name + values,
            against=("Better than dense by" if lower else "Against dense") + gains,
            minus="Ticket better by" if lower else "Ticket minus control",
            difference=(
                f"How much lower the ticket's {metric.name} is than each control's{gains}"
                if lower
                else "The ticket minus each control"
                + (", in points" if metric.is_accuracy else gains)
            ),
            name=name,
        )


@dataclass(frozen=True, kw_only=True)
class TicketView:
    """What the template shows.

    Attributes:
        about: what the bundle says; see `TicketDetail.description`.
        metric, words: what was measured, and how the page speaks of it.
        default: the level that is meant where none is named.
        rule: why that one, in words.
        controls: (level, control, what was measured) for every control but the dense network.
        experiments: what its tickets came to elsewhere, most accurate first.
        by_other_metrics: experiments that measured something else than accuracy.
        claims: what became of claims that were tried with its tickets.
        figures: those of its evidence that can be drawn.
        history: what became of it, where that is more than one version.
        mask: what the ticket keeps, where its mask is here.
        card: as safe HTML, or None.
        vouching: who signed it, and who trained it again.
    """

    detail: TicketDetail
    about: Mapping[str, Any]
    metric: Metric
    words: Words
    default: Mapping[str, Any]
    rule: str
    controls: tuple[tuple[Mapping[str, Any], str, Mapping[str, Any]], ...]
    experiments: tuple[ExperimentItem, ...]
    by_other_metrics: tuple[tuple[ExperimentDetail, Metric], ...]
    claims: tuple[ReproductionRecord, ...]
    figures: tuple[Figure, ...]
    mask: Figure | None
    history: tuple[Happened, ...]
    card: Markup | None
    vouching: Vouching

    @property
    def stop(self) -> str:
        """What the iteration is that values are of: the early stop, or the last one."""
        return _stop_of(self.about)

    @property
    def measured_names(self) -> list[str]:
        """Other numbers of an author's own loop that every level has, as many as a table takes."""
        names = [set(found.get("measured", ())) for found in _evidence_of(self.about)]
        return sorted(set.intersection(*names))[:MAX_SHOWN] if names else []

    @property
    def carried(self) -> list[Mapping[str, Any]]:
        """The levels whose tickets are here."""
        return [level for level in self.about["levels"] if level["carried"]]


def _ladder(metric: Metric, about: Mapping[str, Any]) -> Figure:
    stop = _stop_of(about)
    return Figure(
        name="ladder",
        title=f"{Words.of(metric).name} and {stop} against the weights that remain",
        text=f"Test {metric.name} at the {stop}, and the iteration of the {stop}, against "
        "the weights that remain. The dashed line is the dense network. The table of levels has "
        "the numbers.",
        sizes=TWO_PANELS,
    )


def _differences(metric: Metric, about: Mapping[str, Any]) -> Figure:
    between = "against" if metric.lower_is_better else "minus"
    # The figure of differences has a row for each control of each level drawn.
    judged = [
        sum("gain" in control for control in level["controls"].values())
        for level in about["levels"]
        if any("gain" in control for control in level["controls"].values())
    ]
    rows = sum(some(judged, MAX_LEVELS))
    wide, narrow = (
        forest_size(rows, KINDS[f"differences{suffix}.svg"].width) for suffix in ("", "-narrow")
    )
    return Figure(
        name="differences",
        title="The ticket against its controls",
        text=f"{Words.of(metric).name} of the ticket {between} each control's, with 95% intervals; "
        "right of 0 the ticket is better. The table of controls has the numbers.",
        sizes=(_pixels(wide), _pixels(narrow)),
    )


def _pixels(size: tuple[float, float]) -> tuple[int, int]:
    return round(size[0] * PER_INCH), round(size[1] * PER_INCH)


def _curves(metric: Metric, _about: Mapping[str, Any]) -> Figure:
    return Figure(
        name="curves",
        title="While they train",
        text=f"Test {metric.name} and validation loss of the tickets during training, at some "
        "levels.",
        sizes=TWO_PANELS,
    )


def _mask(about: Mapping[str, Any]) -> Figure:
    network = about["architecture"]
    layers = [(layer["name"], layer["shape"]) for layer in about["layers"]]
    image = (network["channels"], network["height"], network["width"])
    level, trial = about["default"]["level"], about["default"]["trial"]
    wide, narrow = (
        picture_size(layers, image, round(KINDS[f"mask{suffix}.svg"].width * PER_INCH))
        for suffix in ("", "-narrow")
    )
    return Figure(
        name="mask",
        title=f"What the ticket of level {level}, trial {trial}, keeps: of the first layer what "
        "all units see of each point, then the first units alone; of the others how much "
        "each output keeps. The stronger, the more, by the most in each.",
        text=f"The mask of level {level}, layer by layer. The table of layers has the numbers.",
        sizes=(wide, narrow),
    )


def view_of(
    services: Services, connection: Connection, viewer: Principal, ticket: TicketDetail
) -> TicketView:
    """Everything that the page of a ticket shows."""
    about = ticket.description
    chosen = about["default"]
    controls = tuple(
        (level, name, measured)
        for level in about["levels"]
        for name, measured in sorted(level["controls"].items())
        if name != DENSE
    )
    drawn = evidence_of(services, connection, ticket) is not None
    metric = metric_of(about["metric"])
    kinds = (_ladder, *([_differences] if controls else []), _curves) if drawn else ()
    wanted = ExperimentFilter(ticket=ticket.repo)
    found = experiments_of(connection, wanted, viewer, limit=MAX_EXPERIMENTS)
    experiments = tuple(
        item for item in found.items if item.origin != "search" and item.source == ticket.source
    )
    others = () if ticket.source else tuple(of_other_metrics(connection, viewer, ticket.repo))
    vouching = vouching_of(services, connection, ticket, signers_of(services.settings))
    history = history_of(ticket, experiments, others, vouching)
    card = card_of(services, connection, ticket, readme.MAX_BYTES)
    return TicketView(
        detail=ticket,
        about=about,
        metric=metric,
        words=Words.of(metric),
        default=next(each for each in about["levels"] if each["level"] == chosen["level"]),
        rule=RULES[chosen["rule"]].format(margin=metric.amount(metric.margin)),
        controls=controls,
        experiments=experiments,
        history=history if len(history) > 1 else (),
        by_other_metrics=tuple(
            (each, metric_of(each.record["experiment"]["spec"]["loop"]["metric"]))
            for each in others
        ),
        claims=tried_claims(services, connection, ticket),
        figures=tuple(kind(metric, about) for kind in kinds),
        mask=_mask(about) if mask_of(services, connection, ticket) is not None else None,
        card=None if card is None else readme.render_readme(readme.without_tables(card)),
        vouching=vouching,
    )


def _evidence_of(about: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [level["evidence"] for level in about["levels"] if level["evidence"]]


def _stop_of(about: Mapping[str, Any]) -> str:
    found = [each.get("stops_early", True) for each in _evidence_of(about)]
    return read_at(stops_early=any(found) or not found)
