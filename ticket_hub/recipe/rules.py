"""Which values of a recipe are possible.

Types and unknown keys are `tables`' affair; here are the bounds, and what must fit together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from ticket_hub.errors import RecipeError
from ticket_hub.patterns import SHA256
from ticket_hub.recipe.axes import INITIALIZATIONS, OPTIMIZERS, SCHEDULES
from ticket_hub.recipe.pruning_rules import MAX_SEED, Rule, pruning_rules
from ticket_hub.recipe.pruning_spec import PruningSpec
from ticket_hub.recipe.spec import JITTERS, DataSpec, NetworkSpec, SearchSpec, TrainingSpec

__all__ = [
    "check_name",
    "check_specs",
]


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
REWIND = re.compile(r"init|none|lr|(lr:)?\d{1,12}it", re.ASCII)
WEIGHTS = re.compile(r"(file|hub|ticket|timm):\S.*")
SOURCES = "file:PATH, hub:OWNER/NAME@COMMIT, timm:NAME.TAG or ticket:PLACE[:LEVEL]"
TOKENIZER = re.compile(r"(file|hub|transformers):\S.*")
MAX_PADDING = 64
MAX_MIXUP = 100
MAX_HUE = 0.5  # of a turn: any colour
MAX_PIXELS = 1024
MAX_LEVELS = 1000
MAX_TRIALS = 1000


def check_name(name: str) -> None:
    """Refuse a name that could not be the name of a run's folder.

    Raises:
        RecipeError: it has other characters than letters, digits, dot, dash and underscore.
    """
    if not NAME.fullmatch(name):
        raise RecipeError(
            f"A recipe cannot be called {name!r}.",
            "Its name is made of at most 100 letters, digits, dots, dashes and underscores.",
        )


def check_specs(
    network: NetworkSpec | None,
    data: DataSpec | None,
    training: TrainingSpec | None,
    pruning: PruningSpec | None,
    search: SearchSpec | None,
) -> None:
    """Refuse values that cannot be; of a part that is not known (None) nothing is asked.

    Raises:
        RecipeError: the first rule that does not hold, with its key.
    """
    rules: list[Rule] = []
    if network is not None:
        scale = network.init_scale
        rules.append(("network.init_scale", scale, scale > 0, "above 0"))
        rules += _initial_rules(network)
    if data is not None:
        rules += _data_rules(data)
    if training is not None:
        rules += [*_training_rules(training), *_optimizer_rules(training)]
    if pruning is not None:
        rules += pruning_rules(pruning, training, search)
    if search is not None:
        rules += _search_rules(search, training.iterations if training is not None else None)
    for path, value, holds, need in rules:
        if not holds:
            raise RecipeError(f"{path} cannot be {value!r}.", f"It must be {need}.")


def _initial_rules(network: NetworkSpec) -> Iterator[Rule]:
    weights, digest = network.weights, network.weights_sha256
    known = not weights or WEIGHTS.fullmatch(weights) is not None
    yield "network.weights", weights, known, SOURCES
    is_digest = not digest or (bool(weights) and SHA256.fullmatch(digest) is not None)
    yield "network.weights_sha256", digest, is_digest, "64 hexadecimal digits, with network.weights"
    entry, std = INITIALIZATIONS.entry(network.init), network.init_std
    if entry is not None:  # else nobody knows it here
        asked = "std" in entry.needs
        need = f"{'above 0' if asked else '0'} with network.init = {network.init!r}"
        yield "network.init_std", std, std > 0 if asked else std == 0, need
    of_ticket = weights.startswith("ticket:") or network.weights_of == "initial"
    need = "'initial' but with network.weights = 'ticket:...'"
    yield "network.weights_of", network.weights_of, of_ticket, need


def _data_rules(data: DataSpec) -> Iterator[Rule]:
    yield "data.name", data.name, bool(data.name), "the name of a data set"
    yield "data.size", data.size, 0 <= data.size <= MAX_PIXELS, f"from 0 to {MAX_PIXELS}"
    fits = isinstance(data.crop, str) or 0 <= data.crop <= MAX_PADDING
    yield "data.crop", data.crop, fits, f"from 0 to {MAX_PADDING}, or 'resized'"
    for key, most in (("crop_scale", 1.0), ("crop_ratio", math.inf)):
        low_high = getattr(data, key)
        ordered = len(low_high) == 2 and 0 < low_high[0] <= low_high[1] <= most  # noqa: PLR2004
        yield f"data.{key}", low_high, ordered, f"the least and the largest, above 0, to {most:g}"
    known = all(
        name in JITTERS and 0 < value <= (MAX_HUE if name == "hue" else 1)
        for name, value in data.jitter.items()
    )
    need = f"{', '.join(JITTERS)}, above 0 to 1 each, and hue to {MAX_HUE}"
    yield "data.jitter", dict(data.jitter), known, need
    short, stored = data.short_side, data.storage == "disk"
    fits = short == 0 or (stored and 0 < data.size <= short <= MAX_PIXELS)
    need = "0, or with data.storage = 'disk' at least data.size, which must be given"
    yield "data.short_side", short, fits, need
    yield "data.validation", data.validation, data.validation >= 1, "at least 1"
    tokenizer, digest = data.tokenizer, data.tokenizer_sha256
    known = not tokenizer or TOKENIZER.fullmatch(tokenizer) is not None
    yield "data.tokenizer", tokenizer, known, "file:PATH, hub:OWNER/NAME or transformers:SOURCE"
    is_digest = not digest or (bool(tokenizer) and SHA256.fullmatch(digest) is not None)
    yield "data.tokenizer_sha256", digest, is_digest, "64 hexadecimal digits, with data.tokenizer"
    yield "data.split_seed", data.split_seed, 0 <= data.split_seed < MAX_SEED, "from 0 to 2**62"
    both = len(data.mean) == len(data.std) and (not data.mean or data.normalize == "source")
    need = "as many numbers as data.std, and only with data.normalize = 'source'"
    yield "data.mean", data.mean, both, need
    yield "data.std", data.std, all(std > 0 for std in data.std), "above 0 each"


def _training_rules(training: TrainingSpec) -> Iterator[Rule]:
    for key in ("iterations", "batch_size"):
        value = getattr(training, key)
        yield f"training.{key}", value, value >= 1, "at least 1"
    for key in ("warmup", "patience", "train_sample"):
        value = getattr(training, key)
        yield f"training.{key}", value, value >= 0, "at least 0"
    smoothing = training.label_smoothing
    yield "training.label_smoothing", smoothing, 0 <= smoothing < 1, "from 0 to below 1"
    mixes = 0 <= training.mixup <= MAX_MIXUP
    yield "training.mixup", training.mixup, mixes, f"from 0 to {MAX_MIXUP}"
    stones = training.milestones
    growing = list(stones) == sorted(set(stones)) and all(stone >= 1 for stone in stones)
    yield "training.milestones", stones, growing, "growing iterations from 1 on, none twice"
    yield (
        "training.milestones",
        stones,
        bool(stones) or "milestones" not in (SCHEDULES.takes(training.schedule) or ()),
        f"at least one iteration where training.schedule is {training.schedule!r}",
    )
    yield (
        "training.evaluate_every",
        training.evaluate_every,
        1 <= training.evaluate_every <= training.iterations,
        f"from 1 to training.iterations, which is {training.iterations}",
    )


def _optimizer_rules(training: TrainingSpec) -> Iterator[Rule]:
    for key in ("lr", "eps", "gamma"):
        value = getattr(training, key)
        yield f"training.{key}", value, value > 0, "above 0"
    for key in ("momentum", "beta1", "beta2"):
        value = getattr(training, key)
        yield f"training.{key}", value, 0 <= value < 1, "in [0, 1)"
    yield "training.weight_decay", training.weight_decay, training.weight_decay >= 0, "at least 0"
    takes = OPTIMIZERS.takes(training.optimizer)
    yield (
        "training.nesterov",
        training.nesterov,
        not training.nesterov or (training.momentum > 0 and (takes is None or "nesterov" in takes)),
        "false unless the optimizer takes it, and has momentum",
    )


def _search_rules(search: SearchSpec, iterations: int | None) -> Iterator[Rule]:
    yield "search.levels", search.levels, 0 <= search.levels <= MAX_LEVELS, f"0 to {MAX_LEVELS}"
    yield "search.trials", search.trials, 1 <= search.trials <= MAX_TRIALS, f"1 to {MAX_TRIALS}"
    yield "search.seed", search.seed, 0 <= search.seed < MAX_SEED, "from 0 to 2**62"
    known = REWIND.fullmatch(search.rewind) is not None
    yield (
        "search.rewind",
        search.rewind,
        known,
        "'init', 'lr', 'none', or a step such as '500it' or 'lr:500it'",
    )
    yield (
        "search.rewind",
        search.rewind,
        known and (iterations is None or search.start_step < iterations),
        f"a step before training.iterations, which is {iterations}",
    )
    density, fall = search.stop_density, search.stop_below_dense
    yield "search.stop_density", density, density is None or 0 < density < 1, "between 0 and 1"
    yield "search.stop_below_dense", fall, fall is None or fall > 0, "above 0"
