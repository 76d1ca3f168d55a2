"""Which ticket is best: how the levels of bundles stand among each other, by one set of rules.

An entry without controls is never before one with them: a sparse network may do as well whatever
its first values are, and nobody has looked. What a network came to that was hardly trained, as that
of a search that only scores its first values, says nothing of the ticket, and gives it no place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ticket_hub.bundle.cost_record import CostRecord, ListedCost, listed_cost
from ticket_hub.recipe.experiment_spec import DENSE, TICKET
from ticket_hub.recipe.own import ACCURACY, Metric

__all__ = [
    "ExperimentResults",
    "LevelResult",
    "Standing",
    "in_order",
    "pareto_front",
    "shared_out",
    "standings_of",
]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One level of one bundle on one data set, as it stands among others.

    Attributes:
        ticket: its address, `owner/name:level`.
        network, dataset: names; the data are those that it was trained and tested on.
        level, density: of the ticket.
        metric: what was measured.
        value: mean on the test part at the early stop; of accuracy in [0, 1].
        low, high: of the 95% interval; without controls the least and the greatest of the tickets.
        n, tickets: number of runs, and of different tickets among them.
        controls: beside which it was trained, but for the dense network; empty where it was not.
        verdict: against all its controls; None where too few runs support any.
        gain: over the control that it leads by least, in the metric's unit, more is better; None
            without one.
        by: who made the evidence; empty for the search itself.
        trained: whether the value is of trained tickets; see `ticket_hub.recipe.own.is_trained`.
        cost: of this level, where it was measured.
    """

    ticket: str
    network: str
    dataset: str
    level: int
    density: float
    value: float
    low: float | None
    high: float | None
    n: int
    tickets: int | None
    controls: tuple[str, ...]
    verdict: str | None
    gain: float | None
    by: str
    trained: bool = True
    metric: Metric = ACCURACY
    cost: ListedCost | None = None

    @property
    def is_ranked(self) -> bool:
        """Whether it has a place: it was trained, and beside controls."""
        return self.trained and bool(self.controls)

    @property
    def accuracy(self) -> float | None:
        """The value, where it is an accuracy."""
        return self.value if self.metric.is_accuracy else None


@dataclass(frozen=True, kw_only=True)
class LevelResult:
    """What the tickets of one level came to.

    Attributes:
        level, density, n, tickets, verdict, trained: as in `Standing`.
        value, low, high: as in `Standing`.
        gains: the ticket minus each control, more is better, the dense network's too; None where
            it was not computed.
    """

    level: int
    density: float
    value: float
    low: float | None
    high: float | None
    n: int
    tickets: int | None
    gains: Mapping[str, float | None]
    verdict: str | None
    trained: bool = True


@dataclass(frozen=True, kw_only=True)
class ExperimentResults:
    """An experiment with the tickets of a bundle: on which data, by which metric, and by whom."""

    dataset: str
    metric: Metric
    by: str
    levels: Sequence[LevelResult]


def standings_of(
    name: str,
    *,
    network: str,
    search: ExperimentResults,
    experiments: Iterable[ExperimentResults] = (),
    costs: Sequence[CostRecord] = (),
) -> Iterator[Standing]:
    """The levels that were trained beside controls, and those of the search that never were.

    Controls may be those of an experiment, or stand in the bundle's own curves.

    Args:
        name: the bundle's address.
        network: its name.
        search: what the search itself measured, at the levels whose tickets are there.
        experiments: with its tickets; those without another control than the dense network show
            nothing that the search does not.
    """
    tested: set[tuple[int, str]] = set()

    def stand(found: ExperimentResults, result: LevelResult, controls: tuple[str, ...]) -> Standing:
        """The standing of one level of the results, against these controls."""
        gains = [gain for each in controls if (gain := result.gains.get(each)) is not None]
        return Standing(
            ticket=f"{name}:{result.level}",
            network=network,
            dataset=found.dataset,
            level=result.level,
            density=result.density,
            metric=found.metric,
            value=result.value,
            low=result.low,
            high=result.high,
            n=result.n,
            tickets=result.tickets,
            controls=controls,
            verdict=result.verdict if controls else None,
            gain=min(gains, default=None),
            by=found.by,
            trained=result.trained,
            cost=listed_cost(costs, result.level, only=True),
        )

    for found in experiments:
        for result in found.levels:
            controls = _controls(result)
            if controls:
                tested.add((result.level, found.dataset))
                yield stand(found, result, controls)
    for result in search.levels:
        controls = _controls(result)
        if result.density != 1 and (controls or (result.level, search.dataset) not in tested):
            yield stand(search, result, controls)


def _controls(result: LevelResult) -> tuple[str, ...]:
    return tuple(each for each in result.gains if each not in {TICKET, DENSE})


def in_order(standings: Iterable[Standing]) -> list[Standing]:
    """The best first, data set by data set: what tickets come to on different data has no order.

    Those without controls stand behind all others of their data set, whatever they read, and those
    that nobody has trained behind these, by name. The data set with the most tickets that were
    tested comes first.
    """
    found = list(standings)
    tested = Counter(each.dataset for each in found if each.is_ranked)
    return sorted(
        found,
        key=lambda each: (
            -tested[each.dataset],
            each.dataset,
            not each.is_ranked,
            not each.trained,
            -each.metric.gain(each.value) if each.trained else 0.0,
            each.ticket,
        ),
    )


def shared_out(standings: Sequence[Standing], limit: int) -> list[Standing]:
    """At most so many of those in order, from each data set as many as from others that have them.

    Args:
        standings: as `in_order` gives them.
    """
    seen = Counter[str]()
    turns = []
    for place, each in enumerate(standings):
        turns.append((seen[each.dataset], place))
        seen[each.dataset] += 1
    return [standings[place] for place in sorted(place for _, place in sorted(turns)[:limit])]


def pareto_front(standings: Iterable[Standing]) -> list[Standing]:
    """The tickets that no sparser one equals and no as sparse one beats, the sparsest first.

    Each data set has its own front; those without a place are on none.
    """
    found: list[Standing] = []
    best: dict[str, float] = {}
    for each in sorted(
        (each for each in standings if each.is_ranked),
        key=lambda each: (each.density, -each.metric.gain(each.value), each.ticket),
    ):
        value = each.metric.gain(each.value)
        if each.dataset not in best or value > best[each.dataset]:
            best[each.dataset] = value
            found.append(each)
    return found
