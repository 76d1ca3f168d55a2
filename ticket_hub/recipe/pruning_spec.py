"""What a recipe says of pruning: what is scored, dropped together and ranked, and how fast."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args

from ticket_hub.recipe.spec import LATER

if TYPE_CHECKING:
    from ticket_hub.types import PrunableLayer

__all__ = ["DEFAULT_RATES", "LAYER_KINDS", "PART_OF", "LayerKind", "PruningSpec", "named_kind"]

LayerKind: TypeAlias = Literal["conv", "fc", "output", "shortcut", "stem"]
"""What a weight tensor that may be pruned belongs to; `output` is the last layer, `shortcut` a
convolution that only adapts the identity path of a residual block, `stem` the first layer of a
network of timm."""
LAYER_KINDS: tuple[str, ...] = get_args(LayerKind)
PART_OF: Mapping[str, LayerKind] = MappingProxyType({"stem": "conv"})
"""Kinds that came later: in a recipe that does not name one, it is what stands here. So recipes and
bundles from before mean what they meant."""


def named_kind(kind: LayerKind, named: Collection[str]) -> LayerKind:
    """The kind that a layer is of for a recipe whose rates name some."""
    return kind if kind in named else PART_OF.get(kind, kind)


DEFAULT_RATES: Mapping[str, float] = MappingProxyType(
    {kind: 0.1 if kind == "output" else 0.2 for kind in LAYER_KINDS if kind not in PART_OF}
)
"""Of a recipe that gives no rates: they reach every kind of layer."""

IN_TRAINING = ("gradual", "early-bird")
"""Values of `pruning.when` with which each level finds its mask in its own training."""


@dataclass(frozen=True, kw_only=True)
class PruningSpec:
    """What is pruned after each level.

    Attributes:
        criterion: the score; the lowest are pruned. A name of
            `ticket_hub.pruning.criteria`, or one that a plugin has registered.
        when: which weights are scored: those at the end of training (`trained`), or theta0 itself,
            at the initialization (`init`) or at an early step (`500it`, as `search.rewind`); or
            those of each level's own training, while its mask shrinks (`gradual`) or until it
            settles (`early-bird`).
        begin, end, every: of these two: the iterations between which a level's mask shrinks or is
            drawn, and how many lie between two of its steps. 0 as `end` is half of
            `training.iterations`.
        settled_masks: of `early-bird`: how many masks that follow each other must agree.
        settled_distance: of `early-bird`: they agree where the newest differs from each in less
            than this share of the units, or of the weights.
        distribution: how a level's weights are shared out over layers: by the `rates`, or by
            another name of `ticket_hub.pruning.distribution`, or one that a plugin has registered.
        examples_per_class: training examples of each class that gradients are taken of.
        examples: `real`, or with `random-labels` or `random-pixels` to see what they matter.
        granularity: what is kept or dropped as one. A name of `ticket_hub.pruning.granularity`, or
            one that a plugin has registered. Not written where it is `weight`.
        norm: of units: `l1` sums the scores of what comes in, `l2` their squares; `gamma` takes
            the size of their norm's scale instead, with `magnitude`.
        scope: `layerwise` ranks each layer by itself, `global` all chosen layers together.
        rates: layer kind -> share of the kept weights that goes each round. With `global`, the
            kinds with a rate compete in one ranking and must share one rate. A kind that is not
            named, or has rate 0, is never pruned; where that leaves most of a network whole, the
            0 must be written. A `stem` that is not named is a `conv`. Without this key every kind
            is pruned: by 20%, with `layerwise` the output by 10%.
        layer_rates: pattern of layers' names, such as `features.*` -> rate, instead of that of
            their kind; the first pattern that fits.
        schedule: `geometric`: a rate is a share of the kept weights; `linear`: of all weights, so
            that every round drops as many (0.1 is 90%, 80%, ... left).
        mode: `iterative` prunes the level before; `one-shot` prunes the dense, trained network
            for each level anew, to the density that the iterative ladder has there.
        target_density: with `one-shot`, go to this density in the single level 1 instead.
        densities: with `one-shot`, one level for each of these densities, falling, instead.
        allow_empty_layers: go on when a layer loses its last weight.
    """

    criterion: str = "magnitude"
    when: str = field(default="trained", metadata=LATER)
    begin: int = field(default=0, metadata=LATER)
    end: int = field(default=0, metadata=LATER)
    every: int = field(default=100, metadata=LATER)
    settled_masks: int = field(default=5, metadata=LATER)
    settled_distance: float = field(default=0.1, metadata=LATER)
    distribution: str = field(default="rates", metadata=LATER)
    examples_per_class: int = field(default=10, metadata=LATER)
    examples: Literal["real", "random-labels", "random-pixels"] = field(
        default="real", metadata=LATER
    )
    granularity: str = field(default="weight", metadata=LATER)
    norm: Literal["l1", "l2", "gamma"] = field(default="l1", metadata=LATER)
    scope: Literal["layerwise", "global"] = "layerwise"
    rates: Mapping[str, float] = None  # type: ignore[assignment]  # depends on the scope
    layer_rates: Mapping[str, float] = field(default_factory=dict, metadata=LATER)
    schedule: Literal["geometric", "linear"] = field(default="geometric", metadata=LATER)
    mode: Literal["iterative", "one-shot"] = "iterative"
    target_density: float | None = None
    densities: tuple[float, ...] = field(default=(), metadata=LATER)
    allow_empty_layers: bool = False

    def __post_init__(self) -> None:
        """Settle the rates."""
        if cast("object", self.rates) is None:
            shared = dict.fromkeys(DEFAULT_RATES, DEFAULT_RATES["conv"])
            rates = shared if self.scope == "global" else dict(DEFAULT_RATES)
            object.__setattr__(self, "rates", rates)

    def rate(self, kind: LayerKind) -> float:
        """The rate of a kind of layer; 0 where it is never pruned."""
        return self.rates.get(named_kind(kind, self.rates), 0.0)

    def rate_of(self, layer: PrunableLayer) -> float:
        """The rate of a layer: by its name, or else by its kind."""
        named = [rate for each, rate in self.layer_rates.items() if fnmatchcase(layer.name, each)]
        return (*named, self.rate(layer.kind))[0]

    @property
    def is_in_training(self) -> bool:
        """Whether each level finds its mask in its own training."""
        return self.when in IN_TRAINING

    def last_step(self, iterations: int) -> int:
        """The iteration at which a mask that is found in training is whole."""
        return self.end or max(self.begin + 1, iterations // 2)

    def target(self, level: int) -> float | None:
        """The density that is asked for at a level; None where the rates decide, and at level 0."""
        if level == 0 or not self.densities:
            return self.target_density if level else None
        return self.densities[min(level, len(self.densities)) - 1]
