"""A run's bundle: brought up to date after each level, and not touched once it is complete."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ticket_hub.bundle import (
    Bundle,
    BundleContent,
    ExperimentRecord,
    LevelContent,
    Manifest,
    TrialContent,
    open_bundle,
    write_bundle,
)
from ticket_hub.bundle.contents import MASKS_IN_MEMORY, LazyMask, controls_of
from ticket_hub.bundle.cost_record import CostRecord
from ticket_hub.bundle.layout import STAGING
from ticket_hub.bundle.manifest_records import FileRecord
from ticket_hub.bundle.metrics import CurveRecord
from ticket_hub.bundle.needed_plugins import needed_plugins
from ticket_hub.bundle.reproduction_record import ReproductionRecord
from ticket_hub.errors import BundleError
from ticket_hub.runs.folder import Header, RunFolder
from ticket_hub.runs.level import Level
from ticket_hub.types import Weights

__all__ = ["RunBundle"]

T = TypeVar("T")


@dataclass
class RunBundle:
    """What is known of a run's levels so far, and the bundle that says so.

    Masks stay on disk, a few excepted: many levels of a large network fit there alone.
    """

    folder: RunFolder
    header: Header
    levels: list[LevelContent] = field(default_factory=list)
    _files: dict[str, FileRecord] = field(default_factory=dict)
    _theta0: list[Weights] = field(default_factory=list)
    _written: Manifest | None = None
    _controls: tuple[CurveRecord, ...] = ()
    _experiments: tuple[ExperimentRecord, ...] = ()
    _costs: tuple[CostRecord, ...] = ()
    _reproductions: tuple[ReproductionRecord, ...] = ()

    def __post_init__(self) -> None:
        """Keep a few masks in memory, whatever level they are of."""
        self._mask = functools.lru_cache(maxsize=MASKS_IN_MEMORY)(
            lambda level, trial: self.folder.read_mask(level, trial, self._theta0[trial])
        )

    def add(self, level: Level) -> None:
        """Take a level that is in the run folder."""
        self._theta0 = [trial.theta0 for trial in level.trials]
        self._files |= self.folder.bundled(level.index)
        self.levels.append(
            LevelContent(
                index=level.index,
                masks=tuple(
                    LazyMask(self._mask, level.index, trial) for trial in range(len(level.trials))
                ),
                curves=tuple(trial.trained.curves for trial in level.trials),
                backends=tuple(trial.trained.backend for trial in level.trials),
            )
        )

    def has(self, index: int) -> bool:
        """Whether the bundle on disk has a level."""
        present = _manifest(self.folder.bundle)
        return present is not None and present.level(index) is not None

    def update(self, seeds: Sequence[int], theta0: Sequence[Weights], *, start: int) -> None:
        """Write the bundle of these levels, unless it is there with all of them.

        Evidence of controls that somebody added to the bundle stays in it; records of experiments
        stay while the tickets, and so the id of the bundle, are the same; what was measured of
        tickets stays with them.

        Args:
            seeds, theta0: by trial.
            start: the iteration that theta0 is of.

        Raises:
            StorageError: it cannot be written; readers see the bundle as it was before.
        """
        environment, exact = self.folder.read_environment()
        present = _manifest(self.folder.bundle)
        if present is not None and self._is_current(present, exact=exact):
            return
        if present != self._written:
            self._controls = _read_if_sound(
                self.folder.bundle, lambda bundle: controls_of(bundle.curves())
            )
            self._experiments = _read_if_sound(self.folder.bundle, Bundle.experiments)
            self._costs = _read_if_sound(self.folder.bundle, Bundle.costs)
            self._reproductions = _read_if_sound(self.folder.bundle, Bundle.reproductions)
        trials = [
            TrialContent(index=index, seed=seed, theta0=weights, start=start)
            for index, (seed, weights) in enumerate(zip(seeds, theta0, strict=True))
        ]
        content = BundleContent(
            recipe=self.header.recipe,
            architecture=self.header.architecture,
            data=self.header.data,
            trials=tuple(trials),
            levels=tuple(self.levels),
            environment=environment,
            bit_exact=exact,
            controls=self._controls,
            experiments=self._experiments,
            costs=self._costs,
            reproductions=self._reproductions,
            plugins=needed_plugins(self.header.recipe, self.header.architecture),
            own=self.header.own,
            layers=self.header.layers,
            reference=self.folder.read_reference(),
        )
        self._written = write_bundle(self.folder.bundle, content, written=self._files)

    def _is_current(self, present: Manifest, *, exact: bool) -> bool:
        complete = len(present.levels) >= len(self.levels) and present.bit_exact == exact
        same = present.recipe.digest == self.header.recipe.digest
        same = same and self._files.items() <= present.files.items()
        return complete and same and not (self.folder.bundle / STAGING).exists()


def _manifest(bundle: Path) -> Manifest | None:
    try:
        return open_bundle(bundle).manifest
    except BundleError:
        return None


def _read_if_sound(bundle: Path, read: Callable[[Bundle], tuple[T, ...]]) -> tuple[T, ...]:
    """What a bundle has, if there is one to be read."""
    try:
        return read(open_bundle(bundle))
    except BundleError:
        return ()
