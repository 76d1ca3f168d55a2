"""Which values of a recipe are possible.

Types and unknown keys are `tables`' affair; here are the bounds, and what must fit together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TypeAlias

from ticket_hub.errors import RecipeError
from ticket_hub.patterns import SHA256
from ticket_hub.recipe.axes import CRITERIA, INITIALIZATIONS, OPTIMIZERS, SCHEDULES
from ticket_hub.recipe.pruning_spec import LAYER_KINDS, PruningSpec
from ticket_hub.recipe.spec import JITTERS, DataSpec, NetworkSpec, SearchSpec, TrainingSpec

__all__ = ["check_name", "check_specs"]

Rule: TypeAlias = tuple[str, object, bool, str]
"""The key, its value, whether it holds, and what it must be."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
REWIND = re.compile(r"init|none|lr|(lr:)?\d{1,12}it", re.ASCII)
WEIGHTS = re.compile(r"(file|hub|ticket|timm):\S.*")
SOURCES = "file:PATH, hub:OWNER/NAME@COMMIT, timm:NAME.TAG or ticket:PLACE[:LEVEL]"
MIN_SETTLED, MAX_SETTLED = 2, 100
WHEN = re.compile(r"init|trained|gradual|early-bird|[1-9]\d{0,11}it", re.ASCII)
TOKENIZER = re.compile(r"(file|hub|transformers):\S.*")
MAX_PADDING = 64
MAX_MIXUP = 100
MAX_HUE = 0.5  # of a turn: any colour
MAX_PIXELS = 1024
MAX_LEVELS = 1000
MAX_EXAMPLES = 10_000
MAX_TRIALS = 1000
MAX_SEED = 2**62


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
        rules += _of_initial(network)
    if data is not None:
        rules += _of_data(data)
    if training is not None:
        rules += [*_of_training(training), *_of_optimizer(training)]
    if pruning is not None:
        rules += [*_of_pruning(pruning), *_of_early(pruning, search)]
        rules += [*_of_shrinking(pruning, training), *_of_norm(pruning)]
    if search is not None:
        rules += _of_search(search, training.iterations if training is not None else None)
    for path, value, holds, need in rules:
        if not holds:
            raise RecipeError(f"{path} cannot be {value!r}.", f"It must be {need}.")


def _of_initial(network: NetworkSpec) -> Iterator[Rule]:
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


def _of_data(data: DataSpec) -> Iterator[Rule]:
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


def _of_training(training: TrainingSpec) -> Iterator[Rule]:
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


def _of_optimizer(training: TrainingSpec) -> Iterator[Rule]:
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


def _of_pruning(pruning: PruningSpec) -> Iterator[Rule]:
    rates, path = dict(pruning.rates), "pruning.rates"
    yield path, rates, set(rates) <= {*LAYER_KINDS}, f"keyed by {', '.join(LAYER_KINDS)}"
    yield path, rates, all(0 <= rate < 1 for rate in rates.values()), "in [0, 1) each"
    layers = dict(pruning.layer_rates)
    yield "pruning.layer_rates", layers, all(0 <= each < 1 for each in layers.values()), "in [0, 1)"
    yield path, rates, any((rates | layers).values()), "above 0 for at least one kind"
    yield (
        path,
        rates | layers,
        pruning.scope == "layerwise" or len({r for r in (rates | layers).values() if r}) == 1,
        "one and the same rate for every kind, since pruning.scope is 'global'",
    )
    target = pruning.target_density
    yield (
        "pruning.target_density",
        target,
        target is None or (0 < target < 1 and pruning.mode == "one-shot"),
        "between 0 and 1, and only with pruning.mode = 'one-shot'",
    )
    densities = pruning.densities
    falling = list(densities) == sorted(set(densities), reverse=True)
    yield (
        "pruning.densities",
        densities,
        not densities
        or (
            falling
            and all(0 < density < 1 for density in densities)
            and pruning.mode == "one-shot"
            and target is None
        ),
        "falling between 0 and 1, with pruning.mode = 'one-shot' and no pruning.target_density",
    )


def _of_early(pruning: PruningSpec, search: SearchSpec | None) -> Iterator[Rule]:
    when, count = pruning.when, pruning.examples_per_class
    known = WHEN.fullmatch(when) is not None
    yield (
        "pruning.when",
        when,
        known,
        "'init', 'trained', 'gradual', 'early-bird', or an early step such as '500it'",
    )
    one_shot = pruning.mode == "one-shot"
    yield (
        "pruning.mode",
        pruning.mode,
        one_shot or when == "trained",
        f"'one-shot' where pruning.when is {when!r}: no level is pruned from another",
    )
    yield (
        "search.rewind",
        search and search.rewind,
        search is None
        or when in {"trained", search.rewind}
        or (pruning.is_in_training and search.rewind == "init"),
        f"'init' where pruning.when is {when!r}"
        if pruning.is_in_training
        else f"{when!r}, as pruning.when: what is scored is what is trained",
    )
    yield (
        "search.dense",
        search and search.dense,
        search is None
        or search.dense
        or ((when == "init" or pruning.is_in_training) and search.stop_below_dense is None),
        (
            "true, unless pruning.when is 'init', 'gradual' or 'early-bird' and there is no "
            "search.stop_below_dense"
        ),
    )
    yield "pruning.examples_per_class", count, 1 <= count <= MAX_EXAMPLES, f"1 to {MAX_EXAMPLES}"
    plain = pruning.scope == "layerwise" and pruning.granularity == "weight"
    yield (
        "pruning.distribution",
        pruning.distribution,
        pruning.distribution == "rates" or (one_shot and plain),
        "'rates' unless mode is 'one-shot', scope 'layerwise', and granularity 'weight'",
    )


def _of_shrinking(pruning: PruningSpec, training: TrainingSpec | None) -> Iterator[Rule]:
    begin, end, every = pruning.begin, pruning.end, pruning.every
    yield from _of_settling(pruning)
    if not pruning.is_in_training:
        for key, value, usual in (("begin", begin, 0), ("end", end, 0), ("every", every, 100)):
            need = f"{usual} unless when is 'gradual' or 'early-bird'"
            yield f"pruning.{key}", value, value == usual, need
        return
    most = end or MAX_SEED if training is None else training.iterations
    yield "pruning.end", end, 0 <= end <= most, "0, or at most training.iterations"
    last = pruning.last_step(most)
    yield "pruning.begin", begin, 0 <= begin < last, f"from 0 to below pruning.end, {last}"
    yield "pruning.every", every, every >= 1, "at least 1"
    entry = CRITERIA.entry(pruning.criterion)
    plain = entry is None or {*entry.needs} <= {"initial", "trained", "generator"}
    need = f"one of weights alone, such as 'magnitude', where pruning.when is {pruning.when!r}"
    yield "pruning.criterion", pruning.criterion, plain, need
    whole = ":" not in pruning.granularity
    need = f"'weight' or 'unit' with {pruning.when!r}"
    yield "pruning.granularity", pruning.granularity, whole, need


def _of_norm(pruning: PruningSpec) -> Iterator[Rule]:
    fits = pruning.granularity == "unit" and pruning.criterion == "magnitude"
    need = "'gamma' with pruning.granularity 'unit' and pruning.criterion 'magnitude' alone"
    yield "pruning.norm", pruning.norm, pruning.norm != "gamma" or fits, need


def _of_settling(pruning: PruningSpec) -> Iterator[Rule]:
    count, distance = pruning.settled_masks, pruning.settled_distance
    if pruning.when != "early-bird":
        for key, value, usual in (("masks", count, 5), ("distance", distance, 0.1)):
            need = f"{usual} unless when is 'early-bird'"
            yield f"pruning.settled_{key}", value, value == usual, need
        return
    some = MIN_SETTLED <= count <= MAX_SETTLED
    yield "pruning.settled_masks", count, some, f"{MIN_SETTLED} to {MAX_SETTLED}"
    # Two masks of density d differ in 2 d of the weights at most, or in 2 (1 - d).
    targets = pruning.densities or (pruning.target_density or 0.5,)
    least = 2 * min(min(each, 1 - each) for each in targets)
    most = least if pruning.granularity == "weight" else 1.0
    need = f"between 0 and {most:.3g}, the largest distance of two masks of such a density"
    yield "pruning.settled_distance", distance, 0 < distance < most, need


def _of_search(search: SearchSpec, iterations: int | None) -> Iterator[Rule]:
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
