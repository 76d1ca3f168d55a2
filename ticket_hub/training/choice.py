"""Which backend trains what: a fixed table, set from measurements (`benchmarks/README.md`).

Nothing is timed at run time, so that the same recipe chooses the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from ticket_hub.data import DataSet, PackedImages
from ticket_hub.errors import NetworkError, RecipeError
from ticket_hub.networks.passing import takes_tokens, vectorizes
from ticket_hub.recipe import TrainingSpec
from ticket_hub.recipe.axes import BACKENDS
from ticket_hub.registry import one_of
from ticket_hub.training.backend import Backend
from ticket_hub.training.kinds import NetworkKind, network_kind
from ticket_hub.training.sparse.base import SparseBackend

__all__ = ["BACKENDS", "TABLE", "BackendRow", "choose", "refusal", "takes_units"]


@dataclass(frozen=True)
class BackendRow:
    """One line of the table: what it is for, and the backend.

    Attributes:
        kind: of network, as `network_kind` tells.
        device: `cpu` or `cuda`.
        below: the density of a member's mask must be below this.
        backend: its name; the line is passed over where that backend cannot train the network.
        units: whether the line is for masks of whole units alone.
    """

    kind: NetworkKind
    device: Literal["cpu", "cuda"]
    below: float
    backend: str
    units: bool = False


# No density is above 1, and a line is for densities below its number.
ANY = 2.0

TABLE: tuple[BackendRow, ...] = (
    # A small step is bound by calls, of which a compiled loop has none.
    BackendRow("small-lenet", "cpu", ANY, "sparse-numba"),
    BackendRow("small-lenet", "cpu", ANY, "stack"),
    # Where they are as fast as the stack on LeNet-300-100, batch 60: sparse-numba between 0.80
    # and 0.64 with AVX-512, near 0.9 with AVX2; sparse-torch at 0.33 and 0.5.
    BackendRow("lenet", "cpu", 0.7, "sparse-numba"),
    BackendRow("lenet", "cpu", 0.3, "sparse-torch"),
    BackendRow("lenet", "cpu", ANY, "stack"),
    BackendRow("lenet", "cuda", ANY, "stack"),
    BackendRow("small-lenet", "cuda", ANY, "stack"),
    BackendRow("linear", "cpu", ANY, "vmap"),
    BackendRow("linear", "cuda", ANY, "vmap"),
    # Half of the units: 5.4 times (VGG-19) and 2.8 times (ResNet-20) the steps of the zeros.
    BackendRow("conv", "cpu", ANY, "small", units=True),
    BackendRow("other", "cpu", ANY, "small", units=True),
    BackendRow("conv", "cpu", ANY, "lanes"),
    BackendRow("conv", "cuda", ANY, "lanes"),
)
"""The first line that fits decides; `plain` trains what no line fits."""


def refusal(name: str, module: nn.Module, training: TrainingSpec, data: DataSet) -> str | None:
    """Why a backend cannot train this, or None if it can."""
    kind: type[Backend] = BACKENDS[name]
    if issubclass(kind, SparseBackend) and data.kind != "images":
        return "train on anything but pixels"
    if isinstance(data.train.inputs, PackedImages) and issubclass(kind, SparseBackend):
        return "train on pictures that lie on disk"
    for asked, knows, does in (
        (training.label_smoothing, "smooths_labels", "smooth labels"),
        (training.mixup, "mixes", "mix examples"),
    ):
        if asked and not getattr(kind, knows, False):
            return does
    reason = kind.refusal(module, training, data.device)
    # Last, since it passes examples through the network.
    if reason is None and name == "vmap" and not vectorizes(module, (2, *data.input_shape)):
        return "train a network that draws random numbers, decides by values or recomputes"
    return reason


def takes_units(module: nn.Module, training: TrainingSpec, data: DataSet) -> bool:
    """Whether a line for masks of whole units may decide."""
    place = (network_kind(module, training.batch_size), data.device.type)
    lines = (row for row in TABLE if row.units and (row.kind, row.device) == place)
    return training.backend == "auto" and next(lines, None) is not None


def choose(
    module: nn.Module,
    training: TrainingSpec,
    data: DataSet,
    density: float,
    *,
    units: bool = False,
) -> str:
    """The name of the backend that trains a member of this density.

    Args:
        units: whether its mask is of whole units, and what is left of the network is known.

    Raises:
        RecipeError: the recipe forces a backend that does not exist, or that cannot train this.
        NetworkError: the network takes texts and the data are none, or the other way round.
    """
    if takes_tokens(module) != (data.kind == "tokens"):
        raise NetworkError(
            f"This network cannot read {data.spec.name}, whose examples are {data.kind}.",
            "Take one that does: `encoder-L-W` reads texts, the others images and numbers.",
        )
    if training.mixup and data.kind == "tokens":
        raise RecipeError(
            f"training.mixup cannot mix the words of {data.spec.name}.", "Leave it at 0 for texts."
        )
    if training.backend != "auto":
        name = training.backend
        if name not in BACKENDS:
            raise RecipeError(
                f"training.backend cannot be {name!r}.",
                one_of(name, ["auto", *BACKENDS]),
            )
        reason = refusal(name, module, training, data)
        if reason is not None:
            raise RecipeError(
                f"The backend {name!r} cannot {reason}.",
                "Set training.backend = 'auto', which takes one that can.",
            )
        return name
    place = (network_kind(module, training.batch_size), data.device.type)
    for row in TABLE:
        # `row.units <= units`: a line for units wants units, any other takes both.
        fits = (row.kind, row.device) == place and density < row.below and row.units <= units
        if fits and refusal(row.backend, module, training, data) is None:
            return row.backend
    return "plain"
