"""What of a network is never pruned, and which layers a mask has all but emptied."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from ticket_hub.errors import PruningError
from ticket_hub.pruning.structure import OUTPUTS, Structure
from ticket_hub.recipe import PruningSpec
from ticket_hub.recipe.pruning_spec import DEFAULT_RATES, named_kind
from ticket_hub.types import LayerKind, PrunableLayer

__all__ = ["beyond_masks", "check_coverage", "layer_note", "never_pruned", "thin_layers"]

THIN = 20
"""A layer is thin where its density is below the whole network's by this factor."""

MAX_NAMED = 5
MIN_SHARE = 0.05
"""Of a network's weights, from which on matrices beyond its mask are told of."""


def never_pruned(
    spec: PruningSpec, layers: Iterable[PrunableLayer], structure: Structure | None = None
) -> list[str]:
    """One sentence for each kind of layer that the network has and the recipe leaves whole.

    Of units, one for each reason why they stay, but for the last layer.
    """
    layers = tuple(layers)
    if structure is not None:
        reasons: dict[str, list[str]] = {}
        for name, why in structure.fixed.items():
            if why != OUTPUTS:
                reasons.setdefault(why, []).append(name)
        return [
            f"Units never dropped: of {_names(names)}, since {why}."
            for why, names in reasons.items()
        ]
    total = sum(layer.size for layer in layers)
    sentences = []
    for kind, found in _whole(spec, layers).items():
        size = sum(layer.size for layer in found)
        reason = (
            f"pruning.rates.{kind} is 0" if kind in spec.rates else "pruning.rates does not name it"
        )
        if any(fnmatchcase(each.name, some) for each in found for some in spec.layer_rates):
            reason = "pruning.layer_rates has 0 for it"
        sentences.append(
            f"Never pruned: {kind}, {size:,} of {total:,} prunable weights ({size / total:.2%}) "
            f"in {_names([layer.name for layer in found])}, since {reason}."
        )
    return sentences


def beyond_masks(unmarked: Mapping[str, int], layers: Iterable[PrunableLayer]) -> list[str]:
    """A sentence where much of a network is in matrices that no mask reaches.

    Args:
        unmarked: name of each -> how many numbers; see
            `ticket_hub.networks.prunable.unmarked_matrices`.
    """
    beyond, prunable = sum(unmarked.values()), sum(layer.size for layer in layers)
    if beyond < MIN_SHARE * (beyond + prunable):
        return []
    return [
        (
            f"Beyond the mask: {_names([*unmarked])}, {beyond:,} numbers beside {prunable:,} "
            "prunable weights. `ticket_hub.networks.set_kind(module, 'fc', 'NAME')`, where the "
            "network is built, makes a matrix of the module prunable."
        )
    ]


def check_coverage(spec: PruningSpec, layers: Iterable[PrunableLayer]) -> None:
    """Refuse to leave most of a network whole by saying nothing about it.

    Less than half of the prunable weights may compete only where every kind that does not has a
    rate of 0 in the recipe.

    Raises:
        PruningError: kinds that `spec.rates` does not name hold weights, and less than half of all
            weights is of kinds with a rate. The remedy has the line to add.
    """
    layers = tuple(layers)
    whole = _whole(spec, layers)
    total = sum(layer.size for layer in layers)
    left = sum(layer.size for found in whole.values() for layer in found)
    unsaid = [kind for kind in whole if kind not in spec.rates]
    if not unsaid or 2 * left <= total:
        return
    lines = ", ".join(f"{kind} = {_advised(spec, kind):g}" for kind in unsaid)
    options = " ".join(f"--set pruning.rates.{kind}={_advised(spec, kind):g}" for kind in unsaid)
    zeros = ", ".join(f"{kind} = 0" for kind in unsaid)
    raise PruningError(
        f"Only {total - left:,} of {total:,} prunable weights ({(total - left) / total:.2%}) would "
        f"ever be pruned: pruning.rates does not name {' and '.join(unsaid)}.",
        f"Add `{lines}` to the recipe's pruning.rates, or `{options}` to the command. To leave "
        f"them whole on purpose, say so: `{zeros}`.",
    )


def thin_layers(layers: Sequence[PrunableLayer], kept: Mapping[str, int]) -> dict[str, str]:
    """The layers that a mask has pruned far more than the rest: name -> a sentence about it.

    Args:
        kept: by layer, the number of weights that the mask keeps; every layer has one.
    """
    whole = sum(kept.values()) / max(1, sum(layer.size for layer in layers))
    found = {}
    for layer in layers:
        note = layer_note(layer.shape, kept[layer.name], whole)
        if note:
            count = kept[layer.name]
            found[layer.name] = (
                f"{layer.name} keeps {count:,} of {layer.size:,} weights "
                f"({count / layer.size:.2%}; the whole network {whole:.2%}): {note}."
            )
    return found


def layer_note(shape: Sequence[int], kept: int, density: float) -> str:
    """What must be known about one layer of a mask; empty where nothing must.

    Args:
        shape: of the layer's weight, outputs first.
        kept: weights that the mask keeps of it.
        density: of the whole mask, in [0, 1].
    """
    size = math.prod(shape)
    if kept == size:
        return ""
    if kept == 0:
        return "it is empty"
    if kept < shape[0]:
        return "near collapse, fewer weights than outputs"
    return "less than a twentieth of the whole's density" if kept * THIN < density * size else ""


def _whole(
    spec: PruningSpec, layers: Sequence[PrunableLayer]
) -> dict[LayerKind, list[PrunableLayer]]:
    found: dict[LayerKind, list[PrunableLayer]] = {}
    for layer in layers:
        if not spec.rate_of(layer):
            found.setdefault(named_kind(layer.kind, spec.rates), []).append(layer)
    return found


def _advised(spec: PruningSpec, kind: LayerKind) -> float:
    """With `global`, the one rate that all kinds must share."""
    return max(spec.rates.values()) if spec.scope == "global" else DEFAULT_RATES[kind]


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more
