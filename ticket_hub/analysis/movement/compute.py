"""How far surviving and pruned weights move while the dense network trains.

Frankle & Carbin 2019, appendix: the weights that a ticket keeps change more than the others do
between the first and the last iteration of the unpruned network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

import torch
from torch import Tensor

from ticket_hub.analysis.distribution import Distribution, summarize
from ticket_hub.analysis.measure import TrialMeasure, layer_of
from ticket_hub.analysis.subject import Subject, to_the_end
from ticket_hub.content_id import content_digest
from ticket_hub.pruning import full_mask
from ticket_hub.pruning.masks import check_alignment
from ticket_hub.recipe import Recipe, TrainingSpec
from ticket_hub.recipe.spec import LATER
from ticket_hub.runs.file_names import RUN
from ticket_hub.runs.folder import RunFolder
from ticket_hub.training import Member, Trained
from ticket_hub.types import Mask, Weights

__all__ = [
    "MEASURES",
    "LayerMovement",
    "Moved",
    "Movement",
    "MovementSettings",
    "compute",
    "measure_movement",
    "settings",
]


WeightsSource: TypeAlias = Literal["search", "retrained"]
"""Where trained weights of a dense network are from."""


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Some weights of one layer, of all trials.

    Attributes:
        distance: |trained - theta0|.
        growth: |trained| - |theta0|; above 0 where the weight has become larger.
        flipped: share whose sign has changed, in [0, 1]; None without a weight.
    """

    distance: Distribution
    growth: Distribution
    flipped: float | None


@dataclass(frozen=True, kw_only=True)
class LayerMovement:
    """One layer: the weights that the mask keeps, and those that it drops.

    Attributes:
        layer: its parameter's name.
        survivors, pruned: of all trials.
        further: by trial, mean distance of the survivors minus that of the others; None where
            there are none of either.
    """

    layer: str
    survivors: Moved
    pruned: Moved
    further: tuple[float | None, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, kw_only=True)
class Movement:
    """All layers of the tickets of one level.

    Attributes:
        trials: how many were pooled.
        iterations: that the dense networks had trained for from theta0 on, at most.
        source: where their weights are from.
        layers: in the order of the network.
    """

    UNITS: ClassVar[Mapping[str, str]] = {
        "distance, growth, further": "value of a weight",
        "flipped": "share of the weights, in [0, 1]",
        "n": "weights of all trials",
    }

    trials: int
    iterations: int
    source: WeightsSource
    layers: tuple[LayerMovement, ...]


@dataclass(frozen=True, kw_only=True)
class MovementSettings:
    """What besides the tickets decides how weights move."""

    training: TrainingSpec


def settings(recipe: Recipe) -> MovementSettings:
    """As the recipe trains."""
    return MovementSettings(training=recipe.training)


def compute(subject: Subject) -> Movement:
    """How far weights moved in the training of the dense network, from theta0 on.

    Where the bundle lies in the run folder of its search, and that trained as asked, its own
    weights are read. Elsewhere the dense network is trained again from theta0, with the search's
    own data orders.

    Raises:
        RunError: a file of the run is damaged.
        DataError, TrainingError: the dense network has to be trained again, and cannot be.
    """
    kept = _trained_by_search(subject)
    trained = _retrained(subject) if kept is None else kept
    tickets = subject.tickets
    return measure_movement(
        [ticket.theta0 for ticket in tickets],
        [each.weights for each in trained],
        [ticket.mask for ticket in tickets],
        # The most of all: with `training.patience` each ends where it does.
        iterations=max(each.iterations for each in trained) - tickets[0].start,
        source="retrained" if kept is None else "search",
    )


def _trained_by_search(subject: Subject) -> list[Trained] | None:
    """The networks of level 0, or None where the search's run is not at hand."""
    run = RunFolder(subject.source.bundle.path.parent)
    if not (run.path / RUN).exists() or not run.has_level(0):
        return None
    header, theta0 = run.read_header(), run.read_theta0()
    if header is None or theta0 is None or header.recipe.training != subject.recipe.training:
        return None
    if [content_digest(each) for each in theta0] != list(subject.source.theta0):
        return None
    level = run.read_level(0, None, theta0)
    return [level.trials[trial].trained for trial in subject.trials]


def _retrained(subject: Subject) -> list[Trained]:
    mask = full_mask(subject.layers)
    members = [
        Member(
            name=f"dense-{ticket.trial}",
            seed=subject.trial_seed(ticket.trial),
            level=0,
            weights=ticket.theta0,
            mask=mask,
            start=ticket.start,
        )
        for ticket in subject.tickets
    ]
    training = to_the_end(subject.recipe.training)
    known = subject.gym.dense  # of another level
    if "movement" not in known:
        known["movement"] = subject.train(training, members)
    return known["movement"]


def measure_movement(
    theta0: Sequence[Weights],
    trained: Sequence[Weights],
    masks: Sequence[Mask],
    *,
    iterations: int,
    source: WeightsSource,
) -> Movement:
    """Compare how far kept and dropped weights moved in the training of the dense network.

    Args:
        theta0: the dense starting weights, by trial.
        trained: the same after training without a mask.
        masks: of the tickets.
        iterations: that were trained.
        source: of the trained weights.

    Raises:
        MaskMismatchError: mask and weights are of different networks.
    """
    for before, after, mask in zip(theta0, trained, masks, strict=True):
        check_alignment(before, mask)
        check_alignment(after, mask)
    return Movement(
        trials=len(masks),
        iterations=iterations,
        source=source,
        layers=tuple(_layer(name, theta0, trained, masks) for name in masks[0]),
    )


def _layer(
    name: str, theta0: Sequence[Weights], trained: Sequence[Weights], masks: Sequence[Mask]
) -> LayerMovement:
    before = torch.cat([weights[name].reshape(-1).cpu() for weights in theta0])
    after = torch.cat([weights[name].reshape(-1).cpu() for weights in trained])
    keep = torch.cat([mask[name].reshape(-1).cpu() for mask in masks])
    return LayerMovement(
        layer=name,
        survivors=_moved(before[keep], after[keep]),
        pruned=_moved(before[~keep], after[~keep]),
        further=tuple(
            _further(start[name], end[name], mask[name])
            for start, end, mask in zip(theta0, trained, masks, strict=True)
        ),
    )


def _further(before: Tensor, after: Tensor, keep: Tensor) -> float | None:
    distance, keep = (after.cpu() - before.cpu()).abs().double(), keep.cpu()
    if bool(keep.all()) or not bool(keep.any()):
        return None
    return float(distance[keep].mean() - distance[~keep].mean())


def _moved(before: Tensor, after: Tensor) -> Moved:
    flips = (before.sign() * after.sign()) < 0
    return Moved(
        distance=summarize((after - before).abs()),
        growth=summarize(after.abs() - before.abs()),
        flipped=float(flips.double().mean()) if len(flips) else None,
    )


MEASURES = {"further": TrialMeasure(lambda result, layer: layer_of(result, layer).further)}
