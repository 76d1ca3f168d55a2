"""The parts of a manifest: what it says of data, network, trials, levels and files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ticket_hub.recipe.own import is_trained
from ticket_hub.recipe.spec import LATER
from ticket_hub.types import Architecture, LayerKind, Option, Word

__all__ = [
    "DataRecord",
    "DefaultTicket",
    "EvidenceSummary",
    "FileRecord",
    "LayerRecord",
    "LevelRecord",
    "NetworkRecord",
    "Origin",
    "Reference",
    "Spread",
    "TicketRecord",
    "TrialRecord",
]


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

    @property
    def is_trained(self) -> bool:
        """Whether it is of trained networks."""
        return is_trained(self.early_stop.mean, stops_early=self.stops_early)


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
        rule: `verdict`: the sparsest level whose evidence says winning or matching; `experiment`
            where that is said by an experiment with the tickets on the data that they were found
            on, and not by the search's own curves. Without such evidence there is no verdict:
            `mean-within-margin` is the sparsest level whose mean test accuracy is at most 0.2
            points below the dense network's; `densest` is the densest that is carried, where
            none is so near; `sparsest` is the sparsest of a bundle that has no trained dense
            network to compare with. A manifest names that of the search's own curves; what is
            meant is `ticket_hub.bundle.spec.default_ticket`.
    """

    level: int
    trial: int
    rule: Literal["verdict", "experiment", "mean-within-margin", "densest", "sparsest"]
