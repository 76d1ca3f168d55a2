"""The parts of a recipe: frozen, built of plain values, and without torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, cast

__all__ = [
    "JITTERS",
    "LATER",
    "UNKNOWN",
    "DataSpec",
    "NetworkSpec",
    "SearchSpec",
    "TrainingSpec",
    "default_init",
    "last_level",
    "level_count",
]

UNKNOWN = "unknown"
"""The name of the data in a recipe that nobody knows, such as that of an imported ticket.

No data set has this name, so no search can be made of such a recipe; its numbers are placeholders.
"""

LATER: Mapping[str, bool] = MappingProxyType({"later": True})
"""Marks a key that recipes of the first version had not: at its default it is not written, so that
digests and bundles of old recipes stay what they are."""


def last_level(pruning: Mapping[str, Any], levels: int) -> int:
    """The last level of a search.

    Args:
        pruning: the plain values of its `PruningSpec`, such as `vars` gives.
        levels: `search.levels`.
    """
    asked = pruning.get("densities") or [pruning.get("target_density")]
    return levels if asked == [None] else min(levels, len(asked))


def level_count(pruning: Mapping[str, Any], search: Mapping[str, Any]) -> int:
    """How many levels a search has, at most: the dense one, unless it is left out, and the rounds.

    Args:
        pruning, search: the plain values of its `PruningSpec` and `SearchSpec`.
    """
    return last_level(pruning, int(search["levels"])) + bool(search.get("dense", True))


JITTERS = ("brightness", "contrast", "saturation", "hue")
"""What `data.jitter` may change, in the order in which it does."""

Option: TypeAlias = bool | int | float | str

PAPERS_NETWORKS = re.compile(
    r"lenet(-\d+)+|conv-[246]|resnet-\d+|small-resnet-(18|34)|vgg-(11|13|16|19)", re.ASCII
)


def default_init(network: str) -> str:
    """How the weights of a network begin where a recipe does not say it.

    The papers' networks begin as in Frankle & Carbin 2019, with Gaussian Glorot. All others begin
    as their own constructors draw them, since depthwise convolutions, patch embeddings and
    branches that start at zero each need a scale of their own.
    """
    return "glorot-normal" if PAPERS_NETWORKS.fullmatch(network) else "default"


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """Which network, and how its weights begin.

    Attributes:
        name: `lenet-300-100`, `conv-2`, `resnet-20`, `vgg-19`, `timm:NAME`, or a registered one.
        init: a name of `ticket_hub.networks.initialization`, or one that a plugin has registered;
            `default` is the module's own. Where it is not given, `glorot-normal` for the papers'
            networks and `default` for all others; a spec always holds, and a recipe always
            writes, which one it is.
        init_scale: factor on every initial weight of a prunable layer.
        init_std: of `normal` and `truncated-normal`, and of them alone: the standard deviation of
            the normal distribution, the same for all layers.
        options: typed options of the network, such as `dropout` or `width`.
        weights: pretrained weights to begin with instead: `file:PATH` (safetensors, or what
            `torch.save` wrote), `hub:OWNER/NAME@COMMIT`, `timm:NAME.TAG`, or, of a ticket,
            `ticket:PLACE[:LEVEL]`.
        weights_sha256: of their file; a search fills it in.
        weights_of: of a ticket its `initial` weights (the whole theta0), or the `trained` ones that
            its search came to at that level, which only the run of that search has.
        weights_head: `fresh` draws the layer of the classes from the seed, `source` takes it, too.
    """

    name: str
    init: str = None  # type: ignore[assignment]  # which one depends on the name
    init_scale: float = 1.0
    options: Mapping[str, Option] = field(default_factory=dict)
    weights: str = field(default="", metadata=LATER)
    weights_sha256: str = field(default="", metadata=LATER)
    weights_of: Literal["initial", "trained"] = field(default="initial", metadata=LATER)
    weights_head: Literal["fresh", "source"] = field(default="fresh", metadata=LATER)
    init_std: float = field(default=0.0, metadata=LATER)

    def __post_init__(self) -> None:
        """Settle how the weights begin."""
        if cast("object", self.init) is None:
            object.__setattr__(self, "init", default_init(self.name))


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """Which data, and how they are prepared.

    Attributes:
        name: `mnist`, `cifar10`, `digits`, ..., `folder:PATH` (images), `arrays:PATH` (numbers),
            `text:PATH`, or `hf:OWNER/NAME`.
        normalize: `unit` maps pixels to [0, 1], and leaves numbers as they are; `standard`
            subtracts the mean of the training part and divides by its standard deviation, per
            channel or column; `source` does so by `mean` and `std`. A recipe that begins with
            pretrained weights and does not say it means `source`.
        mean, std: of the images that the pretrained weights were trained with, per channel, in
            units of [0, 1]; a search fills them in where their source says them, and else goes
            by `unit`.
        size: images are scaled to so many pixels on each side when they are read, texts are cut
            after so many words; 0 keeps them.
        flip: mirror training images with probability one half.
        crop: pad training images by so many pixels and crop a random window; 0 is off. Or
            `resized`: a window of random size and shape, scaled to the whole.
        crop_scale: of `resized`: the least and the largest share of the area.
        crop_ratio: of `resized`: the least and the largest width over height.
        jitter: strengths of random changes of colour: `brightness`, `contrast`, `saturation`
            (0.4 multiplies by 0.6 to 1.4), and `hue` (0.1 turns by up to a tenth of the circle).
        storage: `memory` holds all pixels as numbers. `disk` holds files of pictures in one file,
            which `ticket data pack` makes, and decodes each when it is trained on.
        short_side: of `disk`: pictures are scaled to so many pixels on their shorter side when
            they are packed; what is evaluated is the square of `size` in the middle. 0 keeps them.
        validation: number of training examples held out to choose by.
        split_seed: draws the validation examples, and the test part of data that have none.
        tokenizer: of texts: `file:PATH` or `hub:OWNER/NAME@COMMIT:tokenizer.json`, or
            `transformers:...`, the source of a network, whose tokenizer it is; without one, words
            are hashed.
        tokenizer_sha256: of its file; a search fills it in.
    """

    name: str
    normalize: Literal["unit", "standard", "source"] = "unit"
    size: int = 0
    flip: bool = False
    crop: int | Literal["resized"] = 0
    validation: int = 5000
    split_seed: int = 0
    tokenizer: str = field(default="", metadata=LATER)
    tokenizer_sha256: str = field(default="", metadata=LATER)
    mean: tuple[float, ...] = field(default=(), metadata=LATER)
    std: tuple[float, ...] = field(default=(), metadata=LATER)
    crop_scale: tuple[float, ...] = field(default=(0.08, 1.0), metadata=LATER)
    crop_ratio: tuple[float, ...] = field(default=(3 / 4, 4 / 3), metadata=LATER)
    jitter: Mapping[str, float] = field(default_factory=dict, metadata=LATER)
    storage: Literal["memory", "disk"] = field(default="memory", metadata=LATER)
    short_side: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """How one network is trained, from iteration 0 to `iterations`.

    Attributes:
        iterations: optimizer steps.
        batch_size: examples per step; the last, smaller batch of an epoch is dropped.
        optimizer: a name of `ticket_hub.training.optimizers`, or one that a plugin has registered;
            it says which of the keys below it takes.
        lr: learning rate after warmup.
        momentum, nesterov, beta1, beta2, eps: of the optimizers that take them.
        weight_decay: on every parameter.
        label_smoothing: this share of each label is spread evenly over all classes; readings of
            validation and test are without it.
        mixup: above 0, each two neighbours in a batch are mixed, inputs and losses, by a share that
            is drawn from Beta(mixup, mixup) for each step (Zhang et al. 2018).
        schedule: of the learning rate: a name of `ticket_hub.training.schedules`, or one that a
            plugin has registered.
        milestones: iterations of the drops, for the schedules that take them.
        gamma: factor of each drop.
        warmup: iterations of linear warmup from 0; the schedule counts them too.
        evaluate_every: iterations between two readings of validation and test.
        patience: stop when the validation loss has had no new minimum for so many iterations;
            0 is off. It changes the trained weights, and so the masks that a search finds.
        test: `curve` reads the test set at every evaluation, `chosen` only at the early stop.
        train_sample: so many training examples, the same by `data.split_seed`, are read at every
            evaluation too, for the gap between training and test; 0 reads none, and more than
            there are reads all. It changes no result.
        precision: `float32`, `tf32` (CUDA's TensorFloat), or `bf16` (autocast).
        backend: `auto` takes it from the fixed table; anything else forces that backend.
    """

    iterations: int
    batch_size: int
    optimizer: str
    lr: float
    momentum: float = 0.0
    nesterov: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    schedule: str = "constant"
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    warmup: int = 0
    evaluate_every: int = 100
    patience: int = 0
    test: Literal["curve", "chosen"] = "curve"
    precision: Literal["float32", "tf32", "bf16"] = "float32"
    backend: str = "auto"
    train_sample: int = field(default=0, metadata=LATER)
    label_smoothing: float = field(default=0.0, metadata=LATER)
    mixup: float = field(default=0.0, metadata=LATER)


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """How far the search goes, and what it starts from.

    Attributes:
        levels: pruning rounds after the dense level 0.
        trials: independent repetitions; trial t has the seed `seed + t`.
        seed: of trial 0.
        rewind: survivors go back to `init`, or to the weights of an early step of level 0
            (`500it`). Or the trained weights go on, but for what was pruned: with `lr` the
            learning rate begins anew (learning-rate rewinding), with `lr:500it` as it was from
            that iteration on; with `none` it stays what it was at the end of training
            (fine-tuning).
        stop_density: no level below this density.
        stop_below_dense: end when the mean test accuracy at the early stop has fallen this far
            below the dense network's (0.01 is one point).
        dense: whether the dense network is trained, as level 0. An early search does without it,
            where its masks need no training at all (`pruning.when = "init"`).
    """

    levels: int
    trials: int = 3
    seed: int = 0
    rewind: str = "init"
    stop_density: float | None = None
    stop_below_dense: float | None = None
    dense: bool = field(default=True, metadata=LATER)

    @property
    def first_level(self) -> int:
        """The level that a search begins with: 0 where the dense network is trained."""
        return int(not self.dense)

    @property
    def goes_on(self) -> bool:
        """Whether a level begins with the trained weights of the level before."""
        return self.rewind.startswith("lr") or self.rewind == "none"

    @property
    def start_step(self) -> int:
        """The iteration at which all levels but the dense one begin to train."""
        step = self.rewind.removeprefix("lr:").removesuffix("it")
        return int(step) if step[:1].isdigit() else 0

    @property
    def rewind_step(self) -> int:
        """The iteration of level 0 that survivors return to; 0 for `init`, `lr` and `none`."""
        return 0 if self.goes_on else self.start_step
