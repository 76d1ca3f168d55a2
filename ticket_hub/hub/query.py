"""Search a hub: by what the manifests say, after the hub's own index has narrowed the choice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import chain, islice
from typing import Literal, TypeAlias

from ticket_hub.bundle.card_marks import card_tag
from ticket_hub.bundle.cost_record import CostRecord, ListedCost, listed_cost
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import EvidenceSummary, LevelRecord
from ticket_hub.bundle.spec import Experiments, default_ticket
from ticket_hub.errors import (
    BundleError,
    HubError,
    HubNotFoundError,
    HubUnavailableError,
)
from ticket_hub.hub.base import Hub, Report
from ticket_hub.hub.peeking import peek, peek_costs, peek_experiments, peek_replays
from ticket_hub.patterns import TIMM
from ticket_hub.recipe.own import ACCURACY, Metric
from ticket_hub.signing.replays import ReplaySummary
from ticket_hub.types import Word

__all__ = ["Query", "SearchHit", "Sort", "check_limit", "hit", "search", "with_cost"]

MAX_SILENT = 2
"""One repository that cannot be read is passed over; so many one after the other are the hub."""
Sort: TypeAlias = Literal[
    "updated", "accuracy", "best", "density", "name", "replays", "size", "speedup"
]


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is looked for; None asks for nothing. Ranges include their ends.

    Attributes:
        text: a part of the repository's name, of the network, the data set or the recipe.
        owner: first part of the repository's name.
        network, dataset: names as in recipes.
        density: kept over prunable weights, from and to.
        accuracy: mean test accuracy at the early stop, from and to, in [0, 1].
        verdict: of a level, by the search's own curves or by an experiment of the bundle with its
            tickets, on the data that they were found on.
        metric: what was measured, such as `accuracy`, `perplexity` or `RMSE (°C)`.
        max_ms: milliseconds of a forward pass of 64 inputs, at most, on the machine that
            measured it.
        max_size: bytes of the weights, at most. Both ask for tickets whose costs were measured.
    """

    text: str | None = None
    owner: str | None = None
    network: str | None = None
    dataset: str | None = None
    density: tuple[float, float] | None = None
    accuracy: tuple[float, float] | None = None
    verdict: Word | None = None
    metric: str | None = None
    max_ms: float | None = None
    max_size: int | None = None


@dataclass(frozen=True, kw_only=True)
class SearchHit:
    """A repository that has what was looked for.

    Attributes:
        repo: `owner/name`.
        commit: the newest.
        network, dataset, recipe: names.
        trials: number of repetitions.
        levels: those that fit the query, dense first. One that fits only by the verdict of an
            experiment has the verdict and evidence of that.
        retrained: which of the levels those are.
        metric: what was measured of them.
        replays: what others found who trained the tickets again.
        cost: what the ticket was measured to cost, with the machine; None where nobody did.
    """

    repo: str
    commit: str
    network: str
    dataset: str
    recipe: str
    trials: int
    levels: tuple[LevelRecord, ...]
    retrained: tuple[int, ...] = ()
    metric: Metric = ACCURACY
    replays: ReplaySummary = field(default_factory=ReplaySummary)
    cost: ListedCost | None = None

    @property
    def best(self) -> float | None:
        """The best mean of the trained levels on the test part; None where there is none."""
        means = [each.test_accuracy.mean for each in self._measured if each.is_trained]
        return max(means, key=self.metric.gain, default=None)

    @property
    def is_trained(self) -> bool:
        """Whether what was measured of its levels is of trained networks."""
        return not self._measured or any(each.is_trained for each in self._measured)

    @property
    def _measured(self) -> list[EvidenceSummary]:
        return [each.evidence for each in self.levels if each.evidence]

    @property
    def best_accuracy(self) -> float:
        """The highest mean test accuracy of the levels; 0 where that was not measured."""
        return (self.best or 0.0) if self.metric.is_accuracy else 0.0

    @property
    def least_density(self) -> float:
        """The sparsest of the levels."""
        return min(each.density for each in self.levels)


def search(
    hub: Hub,
    query: Query,
    *,
    sort: Sort = "updated",
    limit: int | None = None,
    report: Report | None = None,
    packaged: Iterable[SearchHit] = (),
) -> Iterator[SearchHit]:
    """Yield the repositories with a level that fits.

    The hub's own index is asked for cards with the tags of the network and the data set, which the
    cards of Ticket Hub have. Repositories that hold no sound bundle are passed over: one person's
    broken files must not hide everybody else's. With `updated` each comes as soon as it is found;
    other orders need all of them first.

    Args:
        report: is told of each that is passed over.
        packaged: what comes first, from elsewhere. Where there is any, a hub that cannot be
            reached is reported, too, and only without `report` an error.

    Raises:
        HubError: the hub refuses or cannot be reached; or the best are asked for first, and not by
            which metric, or the metric has several units; or the limit is no count.
    """
    check_limit(limit)
    if sort == "best" and query.metric is None:
        raise HubError(
            "Tickets with different metrics have no order.",
            "Name one, such as `--metric perplexity`, to sort by it.",
        )
    found: Iterator[SearchHit] = chain(packaged, _matches(hub, query, report))
    if report and packaged != ():
        found = _until_unavailable(found, report)
    if sort == "best":
        found = iter(_best_first(list(found)))
    elif sort == "accuracy":
        found = iter(sorted(found, key=lambda each: -each.best_accuracy))
    elif sort == "density":
        found = iter(sorted(found, key=lambda each: each.least_density))
    elif sort == "replays":
        found = iter(sorted(found, key=lambda each: each.replays.rank, reverse=True))
    elif sort == "name":
        found = iter(sorted(found, key=lambda each: each.repo))
    elif sort in {"size", "speedup"}:
        found = iter(_cheapest_first(list(found), sort))
    yield from islice(found, limit)


def check_limit(limit: int | None) -> None:
    """Refuse what is no number of tickets to list.

    Raises:
        HubError: it is neither None nor a whole number from 0.
    """
    if limit is not None and (type(limit) is not int or limit < 0):
        raise HubError(
            f"The limit {limit!r} is not a number of tickets.",
            "Give a whole number from 0, or None for all of them.",
        )


def _until_unavailable(found: Iterator[SearchHit], report: Report) -> Iterator[SearchHit]:
    """The same, and where the hub ends it, that is only reported."""
    try:
        yield from found
    except HubUnavailableError as error:
        report(error)


def _matches(hub: Hub, query: Query, report: Report | None) -> Iterator[SearchHit]:
    named = [name.removeprefix(TIMM) for name in (query.network, query.dataset) if name]
    tags = [card_tag(name) for name in named]
    silent = 0
    for repo in hub.repositories(owner=query.owner, tags=tags, report=report):
        try:
            found = _look(hub, query, repo, report)
        except HubNotFoundError:  # deleted at this moment, or it holds no ticket
            continue
        except (BundleError, HubError) as error:
            silent = silent + 1 if isinstance(error, HubUnavailableError) else 0
            if silent == MAX_SILENT:
                raise
            if report:
                report(HubError(f"{repo} was passed over: {error.problem}", error.remedy))
            continue
        silent = 0
        if found is not None:
            yield found


def _look(hub: Hub, query: Query, repo: str, report: Report | None) -> SearchHit | None:
    """A repository's bundle, where it fits; files that are not asked for are not read."""
    snapshot, manifest = peek(hub, repo)
    experiments = cache(partial(peek_experiments, hub, snapshot, manifest))
    found = hit(query, repo, snapshot.commit, manifest, experiments)
    if found is None:
        return None
    try:
        costs = peek_costs(hub, snapshot, manifest)
    except (BundleError, HubNotFoundError) as error:
        if report:
            report(HubError(f"Costs of {repo} were passed over: {error.problem}", error.remedy))
        costs = ()
    fitting = with_cost(query, found, manifest, costs, experiments)
    return fitting and replace(fitting, replays=peek_replays(hub, snapshot, manifest))


def with_cost(
    query: Query,
    found: SearchHit,
    manifest: Manifest,
    costs: Sequence[CostRecord],
    experiments: Experiments,
) -> SearchHit | None:
    """The same with what the ticket costs; None where that is more than was asked for."""
    cost = listed_cost(costs, default_ticket(manifest, experiments).level) if costs else None
    asked = query.max_ms is not None or query.max_size is not None
    if asked and (
        cost is None
        or cost.milliseconds > (query.max_ms or math.inf)
        or cost.bytes > (query.max_size or math.inf)
    ):
        return None
    return replace(found, cost=cost)


def hit(
    query: Query,
    repo: str,
    commit: str,
    manifest: Manifest,
    experiments: Experiments,
) -> SearchHit | None:
    """A bundle with the levels that fit a query, but for costs; None where none does.

    Args:
        experiments: reads those of the bundle; called only where a verdict is asked for.
    """
    metric = manifest.metric
    if query.metric not in {None, metric.label, metric.name}:
        return None
    if not _names_fit(repo, manifest, query):
        return None
    levels = {level.index: level for level in manifest.levels if _fits(level, query, metric)}
    again: dict[int, LevelRecord] = {}
    if query.verdict is not None and manifest.experiments:
        from ticket_hub.bundle.retrained import retrained_levels  # slow: statistics need SciPy

        again = {
            level.index: level
            for level in retrained_levels(manifest, experiments())
            if level.index not in levels and _fits(level, query, metric)
        }
    if not levels and not again:
        return None
    return SearchHit(
        repo=repo,
        commit=commit,
        network=manifest.architecture.name,
        dataset=manifest.data.name,
        recipe=manifest.recipe.name,
        trials=len(manifest.trials),
        levels=tuple(each for _, each in sorted((levels | again).items())),
        retrained=tuple(sorted(again)),
        metric=metric,
    )


def _names_fit(repo: str, manifest: Manifest, query: Query) -> bool:
    network, data, recipe = manifest.architecture.name, manifest.data.name, manifest.recipe.name
    if query.network not in {None, network} or query.dataset not in {None, data}:
        return False
    words = f"{repo} {network} {data} {recipe}".lower()
    return all(word in words for word in (query.text or "").lower().split())


def _best_first(found: list[SearchHit]) -> list[SearchHit]:
    kinds = {(each.metric.label, each.metric.lower_is_better) for each in found}
    if len(kinds) > 1:
        raise HubError(
            f"{' and '.join(sorted(label for label, _ in kinds))} are different metrics.",
            "Name one of them, with its unit, to sort by it.",
        )
    worst = -math.inf
    return sorted(
        found,
        key=lambda each: worst if each.best is None else each.metric.gain(each.best),
        reverse=True,
    )


def _cheapest_first(found: list[SearchHit], sort: Sort) -> list[SearchHit]:
    """The smallest or the most sped up first; what nobody has measured comes last."""

    def order(each: SearchHit) -> float:
        """Less is better; infinity for what nobody has measured."""
        if each.cost is None:
            return math.inf
        return each.cost.bytes if sort == "size" else -each.cost.speedup

    return sorted(found, key=order)


def _fits(level: LevelRecord, query: Query, metric: Metric) -> bool:
    if query.density and not query.density[0] <= level.density <= query.density[1]:
        return False
    if query.verdict not in {None, level.verdict}:
        return False
    if query.accuracy is None:
        return True
    if level.evidence is None or not metric.is_accuracy:
        return False
    mean = level.evidence.test_accuracy.mean
    return query.accuracy[0] <= mean <= query.accuracy[1]
