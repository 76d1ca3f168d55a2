"""From one level's mask to the next, and from the dense network to a level in one shot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from ticket_hub.errors import LayerCollapseError
from ticket_hub.pruning.criteria import CRITERIA, MEASURED, Measured, refuse_idle, scores
from ticket_hub.pruning.granularity import granularity_of
from ticket_hub.pruning.granularity_base import AnyGranularity
from ticket_hub.pruning.group import RankingGroup
from ticket_hub.pruning.masks import check_layers, full_mask, keeps_any
from ticket_hub.pruning.plan import groups, targets
from ticket_hub.pruning.structure import Structure
from ticket_hub.recipe import PruningSpec
from ticket_hub.registry import needs
from ticket_hub.types import Mask, PrunableLayer, Weights

__all__ = ["mask_on_the_way", "next_mask", "one_shot_mask"]


def next_mask(
    spec: PruningSpec,
    layers: Iterable[PrunableLayer],
    *,
    initial: Weights,
    trained: Weights,
    mask: Mask,
    seed: int,
    measured: Measured | None = None,
    structure: Structure | None = None,
) -> dict[str, Tensor]:
    """Prune one round of what the mask still keeps.

    Exactly `round(rate * kept)` weights go (half to even), from each layer by itself or from all
    competing layers in one ranking; ties fall to the earlier position. With another granularity
    than `weight`, so many of its entries go. Kinds without a rate are left alone.

    Args:
        initial: the weights of iteration 0, for the criteria that ask for them.
        trained: the weights at the end of training.
        seed: of the trial, for the criterion `random`.
        measured: gives, of a name such as `gradients` and the mask so far, what criteria need
            beside weights; at the trained weights.
        structure: the units of the network, for the granularities that ask for them.

    Shapes:
        `initial[name]`, `trained[name]` and `mask[name]` agree: `(*layer)`; the result has the
        names and shapes of `mask`.

    Raises:
        MaskMismatchError: mask, weights and layers are not of one network.
        ScoreError: a layer's weights hold NaN or infinity.
        LayerCollapseError: a layer would lose its last weight, and that is not allowed.
        PruningError: no layer is of a kind that has a rate.
    """
    layers = tuple(layers)
    check_layers(layers, mask)
    granularity = granularity_of(spec, structure)
    chosen = groups(spec, layers, structure)
    entries = [(group, granularity.entries(group, mask)) for group in chosen]
    goals = [(group, count - group.drop(count)) for group, count in entries]
    before = [count for _, count in entries]
    given = {"initial": initial, "trained": trained, "measured": measured, "seed": seed}
    return _apply(granularity, layers, goals, mask, given, before=before)


def one_shot_mask(
    spec: PruningSpec,
    layers: Iterable[PrunableLayer],
    *,
    initial: Weights,
    trained: Weights,
    level: int,
    seed: int,
    measured: Measured | None = None,
    structure: Structure | None = None,
) -> dict[str, Tensor]:
    """Prune the dense, trained network to what the iterative ladder keeps at `level`.

    The mask is bool, `(*layer)` each. With `spec.target_density` or `spec.densities`, it goes to
    the density asked for instead; see `ticket_hub.pruning.plan.ladder` for the counts.

    Args:
        initial: the weights of iteration 0, for the criteria that ask for them.
        trained: the weights of the dense network at the end of training.
        seed: of the trial, for the criterion `random`.
        measured: gives, of a name such as `gradients` and the mask so far, what criteria need
            beside weights; at the trained weights.
        structure: the units of the network, for the granularities that ask for them.

    Raises:
        As `next_mask`; also PruningError: the target density cannot be reached.
    """
    layers = tuple(layers)
    chosen = groups(spec, layers, structure)
    goals = [*zip(chosen, targets(spec, layers, level, structure), strict=True)]
    given = {"initial": initial, "trained": trained, "measured": measured, "seed": seed}
    return _apply(granularity_of(spec, structure), layers, goals, full_mask(layers), given)


def mask_on_the_way(
    spec: PruningSpec,
    layers: Iterable[PrunableLayer],
    *,
    initial: Weights,
    trained: Weights,
    mask: Mask,
    level: int,
    dropped: float,
    seed: int,
    structure: Structure | None = None,
) -> dict[str, Tensor]:
    """Prune what the mask still keeps to a share of the way from the dense network to a level.

    Each ranking keeps size - dropped * (size - goal) of its entries, rounded half to even.

    Args:
        initial: the weights of iteration 0, for the criteria that ask for them.
        trained: the weights that are scored.
        level: whose counts are those of the whole way; see `one_shot_mask`.
        dropped: the share of what the level drops that is to be gone, 0 to 1.
        seed: of the trial, for the criterion `random`.
        structure: the units of the network, for the granularities that ask for them.

    Shapes:
        `initial[name]`, `trained[name]` and `mask[name]` agree: `(*layer)`; the result has the
        names and shapes of `mask`.

    Raises:
        As `one_shot_mask`.
    """
    layers = tuple(layers)
    chosen = groups(spec, layers, structure)
    goals = [
        (group, round(group.size - dropped * (group.size - goal)))
        for group, goal in zip(chosen, targets(spec, layers, level, structure), strict=True)
    ]
    given = {"initial": initial, "trained": trained, "measured": None, "seed": seed}
    return _apply(granularity_of(spec, structure), layers, goals, mask, given)


def _apply(
    granularity: AnyGranularity,
    layers: Sequence[PrunableLayer],
    goals: Sequence[tuple[RankingGroup, int]],
    mask: Mask,
    given: Mapping[str, Any],
    *,
    before: Sequence[int] | None = None,
) -> dict[str, Tensor]:
    """Score all competing layers, and let each group go down to its goal, in the rounds asked.

    Args:
        before: the entries of each group that the mask keeps, where they are known.
    """
    spec = granularity.spec
    names = {name for group, _ in goals for name in group.names}
    competing = [layer for layer in layers if layer.name in names]
    asks = bool({*MEASURED} & {*needs(CRITERIA.get(spec.criterion))})
    fixed = any(group.left is not None for group, _ in goals)
    criterion = CRITERIA.entry(spec.criterion)
    rounds = criterion.about["rounds"] if criterion and not fixed else 1
    regrows = criterion is not None and criterion.about["regrows"]
    before = before or [granularity.entries(group, mask) for group, _ in goals]
    result = {name: keep.clone() for name, keep in mask.items()}
    for turn in range(1, rounds + 1):
        ranked = mask if regrows else result
        now = [granularity.entries(group, ranked) for group, _ in goals] if turn > 1 else before
        drops = [
            (group, left - _on_the_way(start, goal, turn / rounds))
            for (group, goal), start, left in zip(goals, before, now, strict=True)
        ]
        if any(count for _, count in drops):
            worth = scores(spec.criterion, competing, **given, mask=result)
            beside = granularity.beside_scores(given["trained"])
            # Examples that were corrupted on purpose may leave half of the units dead for all of
            # them; what the score then comes to is what the control asks.
            if turn == 1 and asks and spec.when != "trained" and spec.examples == "real":
                refuse_idle(spec.criterion, worth, result)
            result = granularity.prune(worth | beside, ranked, drops)
    if not spec.allow_empty_layers:
        _refuse_collapse(mask, result)
    return result


def _on_the_way(start: int, goal: int, share: float) -> int:
    """So many entries are left after a share of all rounds; their number falls exponentially."""
    return max(goal, round(start * (goal / start) ** share)) if start else 0


def _refuse_collapse(before: Mask, after: Mask) -> None:
    for name, keep in after.items():
        if not keeps_any(keep) and keeps_any(before[name]):
            raise LayerCollapseError(
                f"The layer {name!r} would lose the last of its weights.",
                "The level before is the last one with a working network. A lower rate goes "
                "further; `pruning.allow_empty_layers = true` goes on all the same.",
                name,
            )
