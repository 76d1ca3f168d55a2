"""Which values of a recipe's pruning are possible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from ticket_hub.recipe.axes import CRITERIA
from ticket_hub.recipe.pruning_spec import LAYER_KINDS, PruningSpec
from ticket_hub.recipe.spec import SearchSpec, TrainingSpec

__all__ = ["MAX_EXAMPLES", "MAX_SEED", "Rule", "pruning_rules"]


Rule: TypeAlias = tuple[str, object, bool, str]
"""The key, its value, whether it holds, and what it must be."""


MIN_SETTLED = 2


MAX_SETTLED = 100


WHEN = re.compile(r"init|trained|gradual|early-bird|[1-9]\d{0,11}it", re.ASCII)


MAX_EXAMPLES = 10_000


MAX_SEED = 2**62


def pruning_rules(
    pruning: PruningSpec, training: TrainingSpec | None, search: SearchSpec | None
) -> Iterator[Rule]:
    """What must hold of the pruning of a recipe.

    Args:
        training, search: None where they are not known; then nothing is asked that needs them.
    """
    yield from _amount_rules(pruning)
    yield from _early_rules(pruning, search)
    yield from _shrinking_rules(pruning, training)
    fits = pruning.granularity == "unit" and pruning.criterion == "magnitude"
    need = "'gamma' with pruning.granularity 'unit' and pruning.criterion 'magnitude' alone"
    yield "pruning.norm", pruning.norm, pruning.norm != "gamma" or fits, need


def _amount_rules(pruning: PruningSpec) -> Iterator[Rule]:
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


def _early_rules(pruning: PruningSpec, search: SearchSpec | None) -> Iterator[Rule]:
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


def _shrinking_rules(pruning: PruningSpec, training: TrainingSpec | None) -> Iterator[Rule]:
    begin, end, every = pruning.begin, pruning.end, pruning.every
    yield from _settling_rules(pruning)
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


def _settling_rules(pruning: PruningSpec) -> Iterator[Rule]:
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
