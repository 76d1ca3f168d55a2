"""How much masks have in common, beside what chance alone would give.

Chance: each layer of the second mask is drawn at random among all masks that keep as many weights
in that layer. The number of shared weights is then hypergeometric in each layer, and over all
layers it is the sum of independent such numbers, whose distribution is their convolution.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar, TypeAlias

import numpy as np

from ticket_hub.analysis.subject import Subject
from ticket_hub.pruning.masks import kept_by_layer
from ticket_hub.pruning.masks import overlap as _checked
from ticket_hub.shapes import Float64
from ticket_hub.types import Mask

__all__ = [
    "CONFIDENCE",
    "Overlap",
    "PairOverlap",
    "Shared",
    "compute",
    "measure_overlap",
    "shared_weights",
]


CONFIDENCE = 0.95
_REACH = 10.0  # standard deviations; what lies outside has a probability below 1e-20

Law: TypeAlias = tuple[int, Float64[np.ndarray, " _"]]
"""A distribution over whole numbers: the least one, and the probabilities from there on."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What two masks share, in one layer or in all.

    Attributes:
        layer: the parameter's name, or `all`.
        size: number of weights.
        first, second: kept by each.
        shared: kept by both.
        expected: mean number shared by chance; exact.
        low, high: between them the number shared by chance lies with the stated confidence.
        jaccard: shared over the union, in [0, 1]; 1 where both keep nothing.
        jaccard_by_chance: the same with the expected number.
    """

    layer: str
    size: int
    first: int
    second: int
    shared: int
    expected: float
    low: int
    high: int
    jaccard: float
    jaccard_by_chance: float

    @property
    def over_kept(self) -> float:
        """Shared over the smaller mask, in [0, 1]; 1 where that keeps nothing."""
        return self._over_kept(float(self.shared))

    @property
    def over_kept_by_chance(self) -> tuple[float, float, float]:
        """The same of the expected number, and of the two ends of its interval."""
        low, high = self._over_kept(float(self.low)), self._over_kept(float(self.high))
        return self._over_kept(self.expected), low, high

    def _over_kept(self, shared: float) -> float:
        least = min(self.first, self.second)
        return shared / least if least else 1.0


@dataclass(frozen=True, kw_only=True)
class PairOverlap:
    """Two masks compared.

    Attributes:
        first, second: whose they are, such as `trial 0`.
        total: all layers together.
        layers: in the order of the network.
    """

    first: str
    second: str
    total: Shared
    layers: tuple[Shared, ...]


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Every pair of trials of one level, and each trial with the other tickets given.

    Attributes:
        confidence: of the intervals of chance.
        pairs: empty where there is one trial and no other ticket.
    """

    UNITS: ClassVar[Mapping[str, str]] = {
        "shared, expected, low, high, first, second, size": "weights",
        "jaccard": "shared over the union of the two, in [0, 1]",
    }

    confidence: float
    pairs: tuple[PairOverlap, ...]


def compute(subject: Subject) -> Overlap:
    """What the tickets of one level share with each other, and with other tickets of their trials.

    Raises:
        BundleError: a mask of another ticket is damaged.
    """
    masks = {f"trial {ticket.trial}": ticket.mask for ticket in subject.tickets}
    others = {
        f"{other.title}, trial {trial}": (
            f"trial {trial}",
            other.source.bundle.mask(other.level, trial),
        )
        for other in subject.others
        for trial in subject.trials
        if trial in other.source.trials
    }
    return measure_overlap(masks, others)


def measure_overlap(
    masks: Mapping[str, Mask],
    others: Mapping[str, tuple[str, Mask]] | None = None,
    confidence: float = CONFIDENCE,
) -> Overlap:
    """Compare all masks with each other, and some with one of another ticket.

    Args:
        masks: title -> mask.
        others: title of another mask -> (title of the mask to compare it with, the mask).

    Raises:
        MaskMismatchError: two masks are of different networks.
    """
    pairs = [
        _pair((first, masks[first]), (second, masks[second]), confidence)
        for first, second in itertools.combinations(masks, 2)
    ]
    for title, (own, mask) in (others or {}).items():
        pairs.append(_pair((own, masks[own]), (title, mask), confidence))
    return Overlap(confidence=confidence, pairs=tuple(pairs))


def _pair(first: tuple[str, Mask], second: tuple[str, Mask], confidence: float) -> PairOverlap:
    _checked(first[1], second[1])
    layers = tuple(_layers(first[1], second[1], confidence))
    counts = [(each.size, each.first, each.second) for each in layers]
    shared = sum(each.shared for each in layers)
    total = shared_weights("all", counts, shared, confidence)
    return PairOverlap(first=first[0], second=second[0], total=total, layers=layers)


def _layers(first: Mask, second: Mask, confidence: float) -> Iterator[Shared]:
    one, two = kept_by_layer(first), kept_by_layer(second)
    for name, keep in first.items():
        counts = [(keep.numel(), one[name], two[name])]
        yield shared_weights(name, counts, int((keep & second[name]).sum()), confidence)


def shared_weights(
    title: str, counts: Sequence[tuple[int, int, int]], shared: int, confidence: float = CONFIDENCE
) -> Shared:
    """Put a number of shared weights beside chance.

    Args:
        counts: for each layer its size, and what each of the two masks keeps.
        shared: kept by both, in all these layers.
    """
    size, first, second = (sum(column) for column in zip(*counts, strict=True))
    expected = math.fsum(a * b / n for n, a, b in counts if n)
    low, high = _central(reduce(_sum, (_hypergeometric(*count) for count in counts)), confidence)
    return Shared(
        layer=title,
        size=size,
        first=first,
        second=second,
        shared=shared,
        expected=expected,
        low=low,
        high=high,
        jaccard=_over_union(float(shared), first + second),
        jaccard_by_chance=_over_union(expected, first + second),
    )


def _over_union(shared: float, total: int) -> float:
    return shared / (total - shared) if total else 1.0


def _hypergeometric(size: int, first: int, second: int) -> Law:
    """The number shared by two masks of one layer, all masks of these counts being as likely."""
    from scipy import stats  # slow to import

    least, most = max(0, first + second - size), min(first, second)
    mean = first * second / size if size else 0.0
    spread = mean * (size - first) * (size - second) / (size * max(1, size - 1)) if size else 0.0
    # Of millions of weights the whole law would have as many entries, nearly all of them 0.
    reach = _REACH * math.sqrt(spread) + 20.0
    least, most = max(least, math.floor(mean - reach)), min(most, math.ceil(mean + reach))
    numbers = np.arange(least, most + 1)
    chances = stats.hypergeom.pmf(numbers, size, first, second)
    return least, chances / chances.sum()


def _sum(one: Law, two: Law) -> Law:
    from scipy import signal  # slow to import

    # A convolution by FFT leaves tiny negative numbers where nothing is likely.
    chances = np.clip(signal.convolve(one[1], two[1]), 0.0, None)
    return one[0] + two[0], chances / chances.sum()


def _central(law: Law, confidence: float) -> tuple[int, int]:
    """The quantiles that leave the same probability out on both sides."""
    below = np.cumsum(law[1])
    tail = (1 - confidence) / 2
    low, high = np.searchsorted(below, [tail, 1 - tail])
    # Rounding may leave the sum of all below the upper quantile.
    return law[0] + int(low), law[0] + int(min(high, len(below) - 1))
