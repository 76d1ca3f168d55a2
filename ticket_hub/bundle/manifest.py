"""The manifest, `ticket.json`: what the bundle holds, and the digest of every other file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ticket_hub.bundle.plugin_records import PluginRecord
from ticket_hub.recipe import PartialRecipe, Recipe
from ticket_hub.recipe.own import ACCURACY, Metric, OwnLoop
from ticket_hub.recipe.spec import LATER
from ticket_hub.types import Architecture, LayerKind, Option, Word

__all__ = [
    "DataRecord",
    "DefaultTicket",
    "EvidenceSummary",
    "FileRecord",
    "LayerRecord",
    "LevelRecord",
    "Manifest",
    "NetworkRecord",
    "Origin",
    "Reference",
    "Spread",
    "Theta0",
    "TicketRecord",
    "TrialRecord",
]

MAX_SHOWN = 4
"""Numbers that a table of levels shows beside the one that tickets are judged by."""

Theta0: TypeAlias = Literal["dense", "survivors", "reference", "signs"]
"""Which starting weights a bundle has: all, those that its densest level keeps, what is not of a
source whose digest it names, or of those that its densest level keeps the signs alone."""


@dataclass(frozen=True, kw_only=True)
class DataRecord:
    """The data that the evidence was measured on.

    Attributes:
        name: as in the recipe, or `unknown`.
        fingerprint: sha256 over pixels, labels and split; None for data that nobody has at hand.
        mean, std: per channel, in units of [0, 1]; what inputs were normalized with, or None
            where that is not known.
    """

    name: str
    fingerprint: str | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Something that a bundle was made from.

    Attributes:
        kind: `bundle`, or the system it was imported from, such as `open_lth`.
        source: where it was, as a text for people.
        id: its bundle id or digest; empty where it has none.
    """

    kind: str
    source: str
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The pretrained weights that theta0 is of, where a bundle does not store them itself.

    Attributes:
        source: where they are, as in `network.weights` of a recipe, with the commit of a hub.
        sha256, size: of the file, which is of safetensors.
        names: of theta0's tensors that are the file's, bit for bit: our name -> the file's.
    """

    source: str
    sha256: str
    size: int
    names: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """What a file must be: its sha256 in hexadecimal, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class NetworkRecord:
    """An `Architecture`, its options as a table."""

    name: str
    options: Mapping[str, Option]
    channels: int
    height: int
    width: int
    classes: int

    @classmethod
    def of(cls, architecture: Architecture) -> NetworkRecord:
        """The record of an architecture."""
        return cls(**dict(vars(architecture)) | {"options": dict(architecture.options)})

    def architecture(self) -> Architecture:
        """The architecture of a record."""
        return Architecture(**dict(vars(self)) | {"options": tuple(sorted(self.options.items()))})


@dataclass(frozen=True, kw_only=True)
class LayerRecord:
    """One prunable layer of the network."""

    name: str
    kind: LayerKind
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One repetition: its seed (None: not known), and the iteration that theta0 is of."""

    index: int
    seed: int | None
    start: int


@dataclass(frozen=True, kw_only=True)
class TicketRecord:
    """One trial's ticket at one level.

    Attributes:
        trial: which repetition.
        id: of the ticket's content.
        kept: number of survivors of each layer, in the order of the manifest's layers.
    """

    trial: int
    id: str
    kept: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Mean and range over trials."""

    mean: float
    min: float
    max: float


@dataclass(frozen=True, kw_only=True)
class EvidenceSummary:
    """What was measured at one level, read at the early stop of each trial.

    Attributes:
        n: number of trials.
        test_accuracy: in [0, 1].
        early_stop: the iteration with the first minimum of the validation loss.
        backends: what trained it, without repetition, sorted.
        stops_early: False of an author's own loop that read no validation loss: `early_stop` is
            then its last iteration. Bundles that were written before this key say True of all.
        measured: other numbers that an author's own loop gave, by its names.
    """

    n: int
    test_accuracy: Spread
    early_stop: Spread
    backends: tuple[str, ...]
    stops_early: bool = field(default=True, compare=False, metadata=LATER)
    measured: Mapping[str, Spread] = field(default_factory=dict, metadata=LATER)


@dataclass(frozen=True, kw_only=True)
class LevelRecord:
    """One pruning round.

    Attributes:
        index: the level; 0 is dense.
        density: kept weights over prunable weights, over all trials.
        tickets: one for each trial; empty where the level is here as evidence only.
        evidence: None where nothing was measured.
        verdict: what the evidence in this bundle supports, or None; see `ticket_hub.evidence`.
    """

    index: int
    density: float
    tickets: tuple[TicketRecord, ...]
    evidence: EvidenceSummary | None
    verdict: Word | None


@dataclass(frozen=True, kw_only=True)
class DefaultTicket:
    """The ticket that is meant where none is named.

    Attributes:
        level: of the ticket.
        trial: of the ticket.
        rule: `verdict`: the sparsest level whose evidence says winning or matching. Without such
            evidence there is no verdict: `mean-within-margin` is the sparsest level whose mean
            test accuracy is at most 0.2 points below the dense network's; `densest` is the
            densest that is carried, where none is so near; `sparsest` is the sparsest of a
            bundle that has no dense network to compare with.
    """

    level: int
    trial: int
    rule: Literal["verdict", "mean-within-margin", "densest", "sparsest"]


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
