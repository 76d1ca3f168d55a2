"""The manifest, `ticket.json`: what the bundle holds, and the digest of every other file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ticket_hub.bundle.manifest_records import (
    DataRecord,
    DefaultTicket,
    FileRecord,
    LayerRecord,
    LevelRecord,
    NetworkRecord,
    Origin,
    Reference,
    TrialRecord,
)
from ticket_hub.bundle.plugin_records import PluginRecord
from ticket_hub.recipe import PartialRecipe, Recipe
from ticket_hub.recipe.own import ACCURACY, Metric, OwnLoop

__all__ = [
    "Manifest",
    "Theta0",
]

MAX_SHOWN = 4
"""Numbers that a table of levels shows beside the one that tickets are judged by."""

Theta0: TypeAlias = Literal["dense", "survivors", "reference", "signs"]
"""Which starting weights a bundle has: all, those that its densest level keeps, what is not of a
source whose digest it names, or of those that its densest level keeps the signs alone."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A bundle of format 1, complete but for the bytes of its other files.

    Attributes:
        id: the sha256 over network, data and the ids of all tickets; not over cards and curves.
        theta0: `dense`; `survivors`: only what the densest carried level keeps is stored; or
            `reference`: only what is not of the pretrained weights that `reference` names; or
            `signs`: one bit for each weight that the densest carried level keeps.
        theta0_level: that level, with `survivors` and `signs`.
        lineage: what the bundle was made from, where it was not found here.
        recipe: how the tickets were found; of another system's only what its files say.
        bit_exact: False for ever once a run was resumed in another environment; None where
            another system made the search, and nobody knows.
        files: every other file.
        family: how many comparisons the verdicts were corrected for together, by
            `ticket_hub.evidence.judge_family`. 0 where there is no verdict, or where each level was
            judged by itself, as it once was: then the key is not written.
        plugins: what network and recipe name that is not built in, by key and name. The key is
            written only where there is such a thing.
        own: what their author says of the loop that trained them; without one, as of all tickets
            that our own engine trained, the key is not written.
        reference: with a theta0 by reference, the weights that it is of; else the key is not
            written.
    """

    id: str
    recipe: Recipe | PartialRecipe
    architecture: NetworkRecord
    layers: tuple[LayerRecord, ...]
    data: DataRecord
    environment: Mapping[str, str]
    bit_exact: bool | None
    lineage: tuple[Origin, ...]
    theta0: Theta0
    theta0_level: int | None
    trials: tuple[TrialRecord, ...]
    levels: tuple[LevelRecord, ...]
    default: DefaultTicket
    files: Mapping[str, FileRecord]
    family: int = 0
    plugins: tuple[PluginRecord, ...] = ()
    own: OwnLoop | None = None
    reference: Reference | None = None

    @property
    def metric(self) -> Metric:
        """What was measured: of an author's own loop what it says, else accuracy.

        Curves and summaries have its values under `test_accuracy`.
        """
        return ACCURACY if self.own is None else self.own.metric

    @property
    def has_dense(self) -> bool:
        """Whether all of theta0 can be had, and not of survivors alone."""
        return self.theta0 not in {"survivors", "signs"}

    @property
    def stops_early(self) -> bool:
        """False where all values are those of the last iteration; see `EvidenceSummary`."""
        found = [level.evidence.stops_early for level in self.levels if level.evidence is not None]
        return any(found) or not found

    @property
    def measured_names(self) -> tuple[str, ...]:
        """What else an author's own loop measured at every level, as many as tables take."""
        found = [
            set(level.evidence.measured) for level in self.levels if level.evidence is not None
        ]
        return tuple(sorted(set.intersection(*found)))[:MAX_SHOWN] if found else ()

    @property
    def inputs(self) -> Literal["image", "tabular", "text"]:
        """What the examples are, by their shape and by what normalizes them.

        Rows of a table are of one pixel. Of texts the channels are words, which nothing normalizes.
        """
        data, network = self.data, self.architecture
        if network.height == network.width == 1 and len(data.mean or (0,)) == network.channels:
            return "tabular"
        words = network.height == 1 and network.channels > 1
        return "text" if words and (data.mean, data.std) == ((0,), (1,)) else "image"

    def level(self, index: int) -> LevelRecord | None:
        """The record of a level, or None."""
        return next((record for record in self.levels if record.index == index), None)

    @property
    def experiments(self) -> tuple[str, ...]:
        """The files with records of experiments."""
        return tuple(sorted(name for name in self.files if name.startswith("evidence/")))

    @property
    def reproductions(self) -> tuple[str, ...]:
        """The files with records of claims that were tried with its tickets."""
        return tuple(sorted(name for name in self.files if name.startswith("reproductions/")))

    @property
    def prunable(self) -> int:
        """Number of prunable weights of one network."""
        return sum(layer.size for layer in self.layers)
