"""What a bundle carries, as values: the writer takes it, the reader gives it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ticket_hub.bundle.manifest_records import DataRecord, Origin, Reference
from ticket_hub.bundle.metrics import CurveRecord
from ticket_hub.bundle.plugin_records import PluginRecord
from ticket_hub.bundle.reproduction_record import ReproductionRecord
from ticket_hub.recipe import PartialRecipe, Recipe
from ticket_hub.recipe.own import OwnLoop
from ticket_hub.training import Curves
from ticket_hub.types import Architecture, Mask, PrunableLayer, Weights

if TYPE_CHECKING:
    from ticket_hub.bundle.cost_record import CostRecord
    from ticket_hub.bundle.experiment_record import ExperimentRecord

__all__ = [
    "BundleContent",
    "LevelContent",
    "TrialContent",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialContent:
    """One repetition: its seed, and the dense weights that survivors start from.

    Attributes:
        index: which repetition.
        seed: of all its randomness; None where that is not known.
        theta0: state dict at the rewinding step.
        start: that step.
    """

    index: int
    seed: int | None
    theta0: Weights
    start: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelContent:
    """One pruning round of all trials, in the order of the trials.

    Attributes:
        index: the level; 0 is dense. Levels may be left out.
        masks: one for each trial.
        curves, backends: what was measured and what trained it; both empty where nothing was.
    """

    index: int
    masks: tuple[Mask, ...]
    curves: tuple[Curves, ...]
    backends: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class BundleContent:
    """A whole search so far.

    Attributes:
        trials: the repetitions, by rising index.
        levels: the pruning rounds, by rising index.
        environment: the fingerprint of what it was made with; see `ticket_hub.environment`.
        bit_exact: False for ever once a run was resumed in another environment; None where
            another system made the search, and nobody knows.
        controls: what was trained beside the tickets: a curve for each trial of a control.
        lineage: what the tickets were made from, where they were not found by the recipe.
        experiments: records of experiments with the tickets; one that is about another bundle id
            than these tickets get is not written.
        costs: what the tickets were measured to cost; of other tickets nothing is written.
        reproductions: records of claims that were tried with the tickets, likewise.
        plugins: what of it is not built in; see `ticket_hub.bundle.plugin_records`.
        figure: the ladder as SVG, for the card; see `ticket_hub.bundle.figure` for what it may be.
        own: what their author says of the loop that trained them, where it was not ours.
        layers: what may be pruned, of a network that only its author's function builds.
        reference: the pretrained weights that all theta0 are of, but for what it does not name.
    """

    recipe: Recipe | PartialRecipe
    architecture: Architecture
    data: DataRecord
    environment: Mapping[str, str]
    trials: tuple[TrialContent, ...]
    levels: tuple[LevelContent, ...]
    bit_exact: bool | None = True
    controls: tuple[CurveRecord, ...] = ()
    lineage: tuple[Origin, ...] = ()
    experiments: tuple[ExperimentRecord, ...] = ()
    costs: tuple[CostRecord, ...] = ()
    reproductions: tuple[ReproductionRecord, ...] = ()
    plugins: tuple[PluginRecord, ...] = ()
    figure: bytes | None = None
    own: OwnLoop | None = None
    layers: tuple[PrunableLayer, ...] = ()
    reference: Reference | None = None

    def only(self, *levels: int) -> BundleContent:
        """The same with these levels alone; level 0 is worth keeping, as the reference.

        The figure, which shows all levels, is left out.
        """
        return replace(
            self,
            levels=tuple(level for level in self.levels if level.index in levels),
            controls=tuple(each for each in self.controls if each.level in levels),
            figure=None,
        )
