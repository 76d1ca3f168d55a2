"""From an open bundle back to its content, to be written again: with other levels, or evidence."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from torch import Tensor

from ticket_hub.bundle.content import BundleContent, LevelContent, TrialContent
from ticket_hub.bundle.metrics import CurveRecord
from ticket_hub.bundle.network import prunable_of
from ticket_hub.bundle.read import Bundle
from ticket_hub.pruning.masks import full_mask
from ticket_hub.recipe.experiment_spec import TICKET
from ticket_hub.types import Mask

__all__ = ["MASKS_IN_MEMORY", "LazyMask", "content_of", "controls_of"]

MASKS_IN_MEMORY = 4
"""Masks that are kept at once: all levels of a large network may not fit."""


def content_of(bundle: Bundle) -> BundleContent:
    """Everything that a bundle holds; `write_bundle` makes the same bundle of it, byte for byte.

    Masks are read when they are used, and only a few are kept, since all levels of a large
    network may not fit into memory.

    Raises:
        BundleError, NetworkError: as `Bundle.ticket`; of masks only when they are used.
    """
    manifest, curves = bundle.manifest, list(bundle.curves())
    trials = tuple(
        TrialContent(
            index=trial.index, seed=trial.seed, theta0=bundle.theta0(trial.index), start=trial.start
        )
        for trial in manifest.trials
    )
    return BundleContent(
        recipe=manifest.recipe,
        architecture=bundle.architecture,
        data=manifest.data,
        environment=manifest.environment,
        trials=trials,
        levels=_levels(bundle, curves),
        bit_exact=manifest.bit_exact,
        controls=controls_of(curves),
        lineage=manifest.lineage,
        experiments=bundle.experiments(),
        costs=bundle.costs(),
        reproductions=bundle.reproductions(),
        plugins=manifest.plugins,
        figure=bundle.figure(),
        own=manifest.own,
        layers=prunable_of(manifest),
        reference=manifest.reference,
    )


def _levels(bundle: Bundle, curves: Sequence[CurveRecord]) -> tuple[LevelContent, ...]:
    load = functools.lru_cache(maxsize=MASKS_IN_MEMORY)(bundle.mask)
    measured: dict[int, list[CurveRecord]] = {}
    for record in curves:
        if record.control == TICKET:
            measured.setdefault(record.level, []).append(record)
    return tuple(
        LevelContent(
            index=level.index,
            masks=tuple(
                LazyMask(load, level.index, trial.index)
                if level.tickets
                else full_mask(bundle.network.layers)
                for trial in bundle.manifest.trials
            ),
            curves=tuple(record.curves for record in measured.get(level.index, ())),
            backends=tuple(record.backend for record in measured.get(level.index, ())),
        )
        for level in bundle.manifest.levels
    )


def controls_of(curves: Iterable[CurveRecord]) -> tuple[CurveRecord, ...]:
    """What was trained beside the tickets, in the order in which it is found."""
    return tuple(record for record in curves if record.control != TICKET)


class LazyMask(Mapping[str, Tensor]):
    """A mask that is read when it is asked for."""

    def __init__(self, load: Callable[[int, int], Mask], level: int, trial: int) -> None:
        self._load, self._level, self._trial = load, level, trial

    def __getitem__(self, name: str) -> Tensor:
        return self._load(self._level, self._trial)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load(self._level, self._trial))

    def __len__(self) -> int:
        return len(self._load(self._level, self._trial))
