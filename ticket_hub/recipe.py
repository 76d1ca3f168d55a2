"""A recipe: everything that is needed to repeat a search. Its digest names the run.

A recipe is frozen, built of plain values, and never imports torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ticket_hub.durable import canonical_json
from ticket_hub.errors import RecipeError
from ticket_hub.tables import build, key_paths, to_table, unknown_key
from ticket_hub.toml import toml_text

__all__ = [
    "DataSpec",
    "NetworkSpec",
    "PruningSpec",
    "Recipe",
    "SearchSpec",
    "TrainingSpec",
]

Table: TypeAlias = Mapping[str, Any]
Option: TypeAlias = bool | int | float | str

MOST_PADDING = 64
MOST_LEVELS = 1000
MOST_TRIALS = 1000


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """Which network, and how its weights begin.

    Attributes:
        name: `lenet-300-100`, `conv-2`, `resnet-20`, `vgg-19`, `timm:NAME`, or a registered one.
        init: `glorot-normal`, `kaiming-normal`, `orthogonal`, or `default` (the module's own).
        init_scale: factor on every initial weight of a prunable layer.
        options: typed options of the network, such as `dropout` or `width`.
    """

    name: str
    init: Literal["glorot-normal", "kaiming-normal", "orthogonal", "default"] = "glorot-normal"
    init_scale: float = 1.0
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """Which data, and how they are prepared.

    Attributes:
        name: `mnist`, `cifar10`, `digits`, ..., `folder:PATH`, or `hf:OWNER/NAME`.
        normalize: `unit` maps pixels to [0, 1]; `standard` subtracts the mean of the training
            part and divides by its standard deviation, per channel.
        flip: mirror training images with probability one half.
        crop: pad training images by so many pixels and crop a random window; 0 is off.
        validation: number of training examples held out to choose by.
        split_seed: draws the validation examples.
    """

    name: str
    normalize: Literal["unit", "standard"] = "unit"
    flip: bool = False
    crop: int = 0
    validation: int = 5000
    split_seed: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """How one network is trained, from iteration 0 to `iterations`.

    Attributes:
        iterations: optimizer steps.
        batch_size: examples per step; the last, smaller batch of an epoch is dropped.
        optimizer: `sgd`, `adam` (weight decay as L2), or `adamw` (decoupled).
        lr: learning rate after warmup.
        momentum: of SGD.
        nesterov: SGD's variant.
        beta1, beta2, eps: of Adam and AdamW.
        weight_decay: on every parameter.
        schedule: `constant`, `milestones` (times `gamma` at each), or `cosine` (to 0).
        milestones: iterations of the drops.
        gamma: factor of each drop.
        warmup: iterations of linear warmup from 0, before which the schedule is not delayed.
        evaluate_every: iterations between two readings of validation and test.
        patience: stop when the validation loss has had no new minimum for so many iterations;
            0 is off. It changes the trained weights, and so the masks that a search finds.
        test: `curve` reads the test set at every evaluation, `chosen` only at the early stop.
        precision: `float32`, `tf32` (CUDA's TensorFloat), or `bf16` (autocast).
        backend: `auto` takes it from the fixed table; anything else forces that backend.
    """

    iterations: int
    batch_size: int
    optimizer: Literal["sgd", "adam", "adamw"]
    lr: float
    momentum: float = 0.0
    nesterov: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    schedule: Literal["constant", "milestones", "cosine"] = "constant"
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    warmup: int = 0
    evaluate_every: int = 100
    patience: int = 0
    test: Literal["curve", "chosen"] = "curve"
    precision: Literal["float32", "tf32", "bf16"] = "float32"
    backend: str = "auto"


@dataclass(frozen=True, kw_only=True)
class PruningSpec:
    """What is pruned after each level.

    Attributes:
        criterion: the score; the lowest are pruned. `magnitude`, `magnitude-increase`,
            `initial-magnitude`, `large-final-same-sign`, or `random`.
        scope: `layerwise` ranks each layer by itself, `global` all chosen layers together.
        rates: layer kind -> share of the kept weights that goes each round. With `global`, the
            kinds with a rate compete in one ranking and must share one rate. A kind that is not
            named, or has rate 0, is never pruned.
        mode: `iterative` prunes the level before; `one-shot` prunes the dense, trained network
            for each level anew, to the density that the iterative ladder has there.
        target_density: with `one-shot`, go to this density in the single level 1 instead.
        allow_empty_layers: go on when a layer loses its last weight.
    """

    criterion: Literal[
        "magnitude", "magnitude-increase", "initial-magnitude", "large-final-same-sign", "random"
    ] = "magnitude"
    scope: Literal["layerwise", "global"] = "layerwise"
    rates: Mapping[str, float] = field(default_factory=lambda: {"fc": 0.2, "output": 0.1})
    mode: Literal["iterative", "one-shot"] = "iterative"
    target_density: float | None = None
    allow_empty_layers: bool = False


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """How far the search goes, and what it starts from.

    Attributes:
        levels: pruning rounds after the dense level 0.
        trials: independent repetitions; trial t has the seed `seed + t`.
        seed: of trial 0.
        rewind: survivors go back to `init`, to the weights of an early step of level 0
            (`500it`), or to `none`: training goes on from the pruned weights.
        stop_density: no level below this density.
        stop_below_dense: end when the mean test accuracy at the early stop has fallen this far
            below the dense network's (0.01 is one point).
    """

    levels: int
    trials: int = 3
    seed: int = 0
    rewind: str = "init"
    stop_density: float | None = None
    stop_below_dense: float | None = None

    @property
    def rewind_step(self) -> int:
        """The iteration of level 0 that survivors return to (0 for `init` and `none`)."""
        return int(self.rewind.removesuffix("it")) if self.rewind[:1].isdigit() else 0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that is needed to repeat a search.

    Attributes:
        name: for people; not part of the digest.
        about: one sentence; not part of the digest.
    """

    name: str
    about: str = ""
    network: NetworkSpec
    data: DataSpec
    training: TrainingSpec
    pruning: PruningSpec
    search: SearchSpec

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        _check(self)

    @classmethod
    def from_table(cls, table: Table) -> Recipe:
        """Build a recipe from plain values, as TOML or JSON gives them.

        Raises:
            RecipeError: an unknown key (the nearest valid one is named) or an impossible value.
        """
        return build(cls, table)

    def to_table(self) -> dict[str, Any]:
        """Plain values; `from_table` gives the recipe back."""
        return to_table(self)

    def to_toml(self) -> str:
        """The whole recipe, defaults included, as a file that `load_recipe` reads."""
        return toml_text(self.to_table())

    def replace(self, changes: Table) -> Recipe:
        """A recipe with some fields changed: `{"training.iterations": 20000}`.

        Raises:
            RecipeError: as `from_table`.
        """
        table = self.to_table()
        for path, value in changes.items():
            *parents, last = path.split(".")
            place = table
            for parent in parents:
                place = place.get(parent) if isinstance(place, dict) else None  # type: ignore[assignment]
            if not isinstance(place, dict):
                raise unknown_key(path, key_paths(Recipe))
            place[last] = value
        return Recipe.from_table(table)

    @property
    def digest(self) -> str:
        """The sha256 of the canonical JSON of everything but `name` and `about`."""
        table = self.to_table()
        del table["name"], table["about"]
        return hashlib.sha256(canonical_json(table)).hexdigest()

    @property
    def run_name(self) -> str:
        """The name of the run's folder: the recipe's name and 12 digits of its digest."""
        return f"{self.name}-{self.digest[:12]}"


def _check(recipe: Recipe) -> None:
    training, pruning, search, data = recipe.training, recipe.pruning, recipe.search, recipe.data
    rates = list(pruning.rates.values())
    rules: list[tuple[str, object, bool, str]] = [
        ("network.init_scale", recipe.network.init_scale, recipe.network.init_scale > 0, "above 0"),
        ("data.crop", data.crop, 0 <= data.crop <= MOST_PADDING, f"from 0 to {MOST_PADDING}"),
        ("data.validation", data.validation, data.validation >= 1, "at least 1"),
        ("training.iterations", training.iterations, training.iterations >= 1, "at least 1"),
        ("training.batch_size", training.batch_size, training.batch_size >= 1, "at least 1"),
        ("training.lr", training.lr, training.lr > 0, "above 0"),
        ("training.momentum", training.momentum, 0 <= training.momentum < 1, "in [0, 1)"),
        ("training.beta1", training.beta1, 0 <= training.beta1 < 1, "in [0, 1)"),
        ("training.beta2", training.beta2, 0 <= training.beta2 < 1, "in [0, 1)"),
        ("training.eps", training.eps, training.eps > 0, "above 0"),
        ("training.weight_decay", training.weight_decay, training.weight_decay >= 0, "at least 0"),
        (
            "training.nesterov",
            training.nesterov,
            not training.nesterov or (training.optimizer == "sgd" and training.momentum > 0),
            "false unless the optimizer is sgd with momentum",
        ),
        ("training.warmup", training.warmup, training.warmup >= 0, "at least 0"),
        ("training.patience", training.patience, training.patience >= 0, "at least 0"),
        (
            "training.milestones",
            training.milestones,
            list(training.milestones) == sorted(set(training.milestones)),
            "growing, without repetition",
        ),
        (
            "training.evaluate_every",
            training.evaluate_every,
            1 <= training.evaluate_every <= training.iterations,
            "from 1 to training.iterations",
        ),
        ("pruning.rates", dict(pruning.rates), all(0 <= r < 1 for r in rates), "in [0, 1) each"),
        (
            "pruning.rates",
            dict(pruning.rates),
            set(pruning.rates) <= {"conv", "fc", "output", "shortcut"},
            "keyed by conv, fc, output or shortcut",
        ),
        ("pruning.rates", dict(pruning.rates), any(rates), "above 0 for at least one kind"),
        (
            "pruning.rates",
            dict(pruning.rates),
            pruning.scope == "layerwise" or len({r for r in rates if r}) == 1,
            "one and the same rate for every kind that competes in a global ranking",
        ),
        (
            "pruning.target_density",
            pruning.target_density,
            pruning.target_density is None
            or (0 < pruning.target_density < 1 and pruning.mode == "one-shot"),
            "between 0 and 1, and only with pruning.mode = 'one-shot'",
        ),
        (
            "search.levels",
            search.levels,
            0 <= search.levels <= MOST_LEVELS,
            f"from 0 to {MOST_LEVELS}",
        ),
        (
            "search.trials",
            search.trials,
            1 <= search.trials <= MOST_TRIALS,
            f"from 1 to {MOST_TRIALS}",
        ),
        ("search.seed", search.seed, search.seed >= 0, "at least 0"),
        ("search.rewind", search.rewind, _is_rewind(search.rewind), "'init', 'none' or '500it'"),
        (
            "search.rewind",
            search.rewind,
            not _is_rewind(search.rewind) or search.rewind_step < training.iterations,
            "a step before training.iterations",
        ),
        (
            "search.stop_density",
            search.stop_density,
            search.stop_density is None or 0 < search.stop_density < 1,
            "between 0 and 1",
        ),
        (
            "search.stop_below_dense",
            search.stop_below_dense,
            search.stop_below_dense is None or search.stop_below_dense > 0,
            "above 0",
        ),
    ]
    for path, value, holds, need in rules:
        if not holds:
            raise RecipeError(f"{path} cannot be {value!r}.", f"It must be {need}.")


def _is_rewind(text: str) -> bool:
    return text in {"init", "none"} or (text.endswith("it") and text[:-2].isdigit())
