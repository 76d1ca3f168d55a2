"""The shapes in which tickets are shown: frozen values, and tables of a known layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NotRequired

from typing_extensions import TypedDict

from ticket_hub.bundle.cost_record import ListedCost
from ticket_hub.recipe.pruning_spec import LayerKind

__all__ = [
    "ControlDetail",
    "CostFacts",
    "Description",
    "FittingLevel",
    "FormCostFacts",
    "Gain",
    "LayerDetail",
    "LevelDetail",
    "MeasuredSpread",
    "Measurement",
    "TicketDetail",
    "TicketFile",
    "TicketItem",
    "TicketPage",
    "TicketRevision",
    "Vouched",
]


class MeasuredSpread(TypedDict):
    """Over trials: mean, range, and the 95% interval of the mean, null where it is not known."""

    mean: float
    min: float
    max: float
    low: float | None
    high: float | None


class Gain(TypedDict):
    """A mean with its 95% interval."""

    mean: float
    low: float | None
    high: float | None


class Measurement(TypedDict):
    """What n trials came to at their early stops; accuracy in [0, 1].

    Of a ticket with another `metric` the numbers under `test_accuracy` are values of that metric.
    `tickets` is how many different tickets the trials are of; null or absent where that is not
    known, or was not when the bundle was read. An author's own loop may have `measured` other
    numbers, by its names; where it read no validation loss `stops_early` is false, and `early_stop`
    its last iteration.
    """

    n: int
    tickets: NotRequired[int | None]
    test_accuracy: MeasuredSpread
    early_stop: MeasuredSpread
    measured: NotRequired[dict[str, MeasuredSpread]]
    stops_early: NotRequired[bool]


class ControlDetail(Measurement, total=False):
    """A control: what it came to, and the ticket's accuracy minus its own, paired.

    `p` is of the claim that the ticket is better (not inferior, for `dense`), doubled and after
    Holm's correction over all controls and levels, and `holds` whether it is made; `p_worse` and
    `worse` are of the opposite; `p_uncorrected` and `p_worse_uncorrected` before the correction.
    `identical` says that the control's networks are the ticket's own: nothing can be shown.
    """

    gain: Gain
    p: float
    p_worse: float
    p_uncorrected: float
    p_worse_uncorrected: float
    holds: bool
    worse: bool
    identical: bool


class LevelDetail(TypedDict):
    """One pruning round. `kept` has the survivors of each layer for each trial that is carried.

    `family` is how many comparisons its verdict was corrected for together; 0 without a verdict.
    """

    level: int
    density: float
    carried: bool
    tickets: dict[str, str]
    kept: dict[str, list[int]]
    layers: list[float]
    evidence: Measurement | None
    controls: dict[str, ControlDetail]
    verdict: str | None
    reason: str
    family: NotRequired[int]


class LayerDetail(TypedDict):
    """A prunable layer of the network."""

    name: str
    kind: LayerKind
    shape: list[int]


class OriginDetail(TypedDict):
    """Something that a bundle was made from."""

    kind: str
    source: str
    id: str


class TrialDetail(TypedDict):
    """A repetition: its seed (null: not known), and the iteration that theta0 is of."""

    index: int
    seed: int | None
    start: int


class Default(TypedDict):
    """The ticket that is meant where no level is named, and the rule that chose it.

    `value` is what it came to on the test part, by its metric; `rank` the same, turned so that more
    is better. Null where nothing was measured; absent where it was not kept when the bundle was
    read.
    """

    level: int
    trial: int
    rule: str
    value: NotRequired[float | None]
    rank: NotRequired[float | None]


class MetricFacts(TypedDict):
    """What was measured. `label` has name and unit; `margin` is in that unit."""

    name: str
    unit: str
    label: str
    lower_is_better: bool
    margin: float


class Digest(TypedDict):
    """What a file must be."""

    sha256: str
    size: int


class FormCostFacts(TypedDict):
    """One form of a ticket: what it takes, and the median of its times with quartiles."""

    form: str
    parameters: int
    nonzero: int
    macs: int
    bytes: int
    milliseconds: float
    low: float
    high: float


class CostFacts(TypedDict):
    """What one ticket was measured to cost; `costs` has the dense network first.

    Times compare with those of the same record only: `where` names the machine.
    """

    level: int
    trial: int
    ticket: str
    when: str
    batch: int
    runs: int
    threads: int
    machine: dict[str, str]
    where: str
    costs: list[FormCostFacts]


class Description(TypedDict):
    """What a bundle says. `checked`: means, intervals and verdicts were computed from its curves.

    `disagrees` lists the levels of which the manifest states something else than the curves say.
    `architecture`, `data`, `environment` and `recipe` are as in `ticket.json`. What the source of
    an imported ticket did not record is null in them, and so is `bit_exact`.
    """

    id: str
    architecture: dict[str, Any]
    data: dict[str, Any]
    recipe: dict[str, Any]
    recipe_digest: str
    environment: dict[str, str]
    bit_exact: bool | None
    theta0: str
    layers: list[LayerDetail]
    lineage: list[OriginDetail]
    trials: list[TrialDetail]
    levels: list[LevelDetail]
    default: Default
    metric: MetricFacts
    prunable: int
    checked: bool
    disagrees: list[int]
    files: dict[str, Digest]
    costs: NotRequired[list[CostFacts]]


@dataclass(frozen=True, kw_only=True)
class FittingLevel:
    """The level by which a ticket fits a filter; accuracy and verdict are None where unknown."""

    level: int
    density: float
    accuracy: float | None
    verdict: str | None


@dataclass(frozen=True, kw_only=True)
class Vouched:
    """Who else stands for a ticket.

    Attributes:
        replays: how many accounts but its owner's and those that pushed it replayed its search.
        identical: of them, those whose replay had the same bits.
        signed_by: the operator's name for the key whose signature holds; empty without one.
    """

    replays: int = 0
    identical: int = 0
    signed_by: str = ""


@dataclass(frozen=True, kw_only=True)
class TicketItem:
    """A ticket in a list: what is meant where no level is named.

    Attributes:
        id: of this entry, never used for another.
        repo: `owner/name`.
        source: the endpoint of the hub that it was mirrored from; empty for one of this hub.
        private: whether only its owner and members see it.
        commit: the newest one, which the numbers are of.
        bundle: the bundle's id, over network, data and all tickets.
        network, dataset, recipe: names.
        trials, levels: number of repetitions, and of levels that are carried.
        prunable: number of prunable weights of one network.
        level, rule: which level is meant, and why that one.
        density: kept over prunable weights.
        accuracy: mean test accuracy over n trials; None where that was not measured.
        metric, lower_is_better: what was measured on the test part, with its unit.
        value, low, high, n: its mean over n trials with the 95% interval: the accuracy, unless the
            metric is another. None where nothing was measured, or the interval cannot be known.
        tickets: how many different tickets the n trials are of: as many, one for each.
        verdict: what the evidence supports, or None.
        created_at, updated_at: microseconds since 1970.
        fitting: where density, accuracy or verdict were asked for, the level that fits: the one
            above if it does, else the sparsest that does. None where nothing of that was asked.
        cost: its quickest form, on the machine that measured it; None where nobody did.
        ladder: density and mean of every level that was measured, dense first.
        vouched: replays and signature.
    """

    id: str
    repo: str
    source: str
    private: bool
    commit: str
    bundle: str
    network: str
    dataset: str
    recipe: str
    trials: int
    levels: int
    prunable: int
    level: int
    rule: str
    density: float
    accuracy: float | None
    metric: str
    lower_is_better: bool
    value: float | None
    low: float | None
    high: float | None
    n: int
    tickets: int
    verdict: str | None
    created_at: int
    updated_at: int
    fitting: FittingLevel | None = None
    cost: ListedCost | None = None
    ladder: tuple[tuple[float, float], ...] = ()
    vouched: Vouched = Vouched()


@dataclass(frozen=True, kw_only=True)
class TicketPage:
    """A part of a list.

    Attributes:
        items: the tickets.
        next_cursor: leads to the next page; empty on the last.
        total: how many tickets fit, counted up to 1000.
        exact: False where there are more than were counted.
    """

    items: tuple[TicketItem, ...]
    next_cursor: str
    total: int
    exact: bool


@dataclass(frozen=True, kw_only=True)
class TicketFile:
    """A file of a revision."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class TicketRevision:
    """A commit that holds a sound bundle, with the tags that name it."""

    commit: str
    title: str
    author: str
    created_at: int
    tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TicketDetail:
    """One ticket with all that is known of it.

    Attributes:
        repo, source, private, commit: as in `TicketItem`.
        description: what its bundle says; see `docs/api.md`.
        files: of the revision.
        revisions: newest first.
    """

    repo: str
    source: str
    private: bool
    commit: str
    description: Description
    files: tuple[TicketFile, ...]
    revisions: tuple[TicketRevision, ...]
