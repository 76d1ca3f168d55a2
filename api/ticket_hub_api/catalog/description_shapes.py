"""The shapes in which what a bundle says is shown: tables of a known layout."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from ticket_hub.recipe.pruning_spec import LayerKind

__all__ = [
    "ControlDetail",
    "CostFacts",
    "Default",
    "Description",
    "Digest",
    "FormCostFacts",
    "Gain",
    "LayerDetail",
    "LevelDetail",
    "MeasuredSpread",
    "Measurement",
    "MetricFacts",
    "OriginDetail",
    "TrialDetail",
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
    is better. Null where nothing was measured. `trained` is false where that was of networks that
    nobody had trained, as a search whose masks need no training has them. Each is absent where it
    was not kept when the bundle was read.
    """

    level: int
    trial: int
    rule: str
    value: NotRequired[float | None]
    rank: NotRequired[float | None]
    trained: NotRequired[bool]


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
