"""A ticket as a bundle gives it: a sparse network ready to train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from torch import nn

from ticket_hub.content_id import count_kept, ticket_id
from ticket_hub.errors import NetworkError
from ticket_hub.networks import build, initialize
from ticket_hub.pruning.keeping import load_masked, load_weights
from ticket_hub.pruning.signs import signed_weights
from ticket_hub.recipe import NetworkSpec, recipe_of
from ticket_hub.showing import Shown, View
from ticket_hub.structured.small import shrink
from ticket_hub.table import Column, Table
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["TicketContent"]

C = TypeVar("C", bound="TicketContent")

_LAYERS = (
    Column("layer"),
    Column("shape", show=lambda shape: " x ".join(map(str, shape))),
    Column("weights", show=",", right=True),
    Column("kept", show=",", right=True),
    Column("density", show=".2%", right=True),
)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TicketContent(Shown):
    """A sparse network ready to train: which weights to keep, and the values they start from.

    Attributes:
        architecture: the network.
        mask: prunable name -> bool tensor; True is kept.
        theta0: the state dict that survivors start from.
        trial: which repetition of the search.
        level: which pruning round; 0 is dense.
        start: the iteration that theta0 is of; 0 is the initialization.
        dense: whether theta0 is complete. A bundle that stores survivors only gives 0 for the
            rest, so that shuffled and dense controls cannot be had from it.
        signs: whether theta0 is -1, 0 and 1, of prunable layers only; see `signed`.
        provenance: where it comes from: bundle, recipe, data, environment, evidence.
    """

    architecture: Architecture
    mask: Mask
    theta0: Weights
    trial: int = 0
    level: int = 0
    start: int = 0
    dense: bool = True
    signs: bool = False
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def build(
        self,
        network: Callable[[], nn.Module] | None = None,
        *,
        mask: bool = True,
        small: bool = False,
    ) -> nn.Module:
        """The network with theta0 * mask, on torch's default device, ready for any training loop.

        Its mask is kept at 0 through gradients, optimizer steps, copies and loaded weights;
        `ticket_hub.pruning.mask_handle(module)` gives the handle, whose `remove` lets go.

        Args:
            network: builds the module where no registry does: the author's own function of a
                network that is called `own:...`, without arguments.
            mask: False gives the plain module. Its weights are theta0 * mask all the same, but
                nothing keeps them there while it is trained.
            small: leave out the units that the mask leaves dead: another module, smaller and
                faster, with the same outputs (extra `structured`).

        Raises:
            NetworkError: the network is not registered here, or cannot be built, or made smaller.
            MaskMismatchError: mask or theta0 are not of the network.
        """
        self.demand_values()
        if small and network is None:
            return shrink(self.architecture, self.theta0, self.mask).build(mask=mask)
        if small:
            raise NetworkError(
                "Only networks of the registry can be made smaller.",
                "Build it whole, without `small=True`.",
            )
        module = build(self.architecture) if network is None else network()
        load = load_masked if mask else load_weights
        load(module, self.theta0, self.mask)
        return module

    def signed(self: C, seed: int = 0) -> C:  # noqa: PYI019 - `Self` is unknown to the tests' checker
        """The same mask and the signs of theta0 over sizes that are drawn anew.

        What the mask drops and what is never pruned, norms and biases, are fresh too: nothing of
        theta0 is left but a bit of each survivor. `ticket retrain --start signed` draws its sizes
        in the same way, by seeds of its own.

        Raises:
            NetworkError: the network is not registered here, or cannot be built.
        """
        fresh = initialize(self.architecture, self.network, seed)
        theta0 = signed_weights(self.theta0, self.mask, fresh)
        return replace(self, theta0=theta0, start=0, dense=True, signs=False)

    @property
    def network(self) -> NetworkSpec:
        """How fresh values of the network are drawn: as in its search, where that is known."""
        recipe = self.provenance.get("recipe")
        known = recipe_of(recipe).network if recipe else None
        return known or NetworkSpec(name=self.architecture.name, init="default")

    def demand_values(self) -> None:
        """Refuse a ticket of which there are signs alone.

        Raises:
            NetworkError: so it is.
        """
        if self.signs:
            raise NetworkError(
                "This ticket has the signs of its theta0 only, so no network begins with it.",
                "Draw sizes for them with `ticket.signed(seed)`, or train it with "
                "`ticket retrain --start signed`.",
            )

    @property
    def density(self) -> float:
        """Kept weights over prunable weights."""
        counts = self._counts()
        return sum(kept for kept, _ in counts) / sum(weights for _, weights in counts)

    @cached_property
    def id(self) -> str:
        """The sha256 of the content; see `ticket_id`."""
        return ticket_id(self.architecture, self.theta0, self.mask)

    def layers(self) -> Table:
        """A row for each prunable layer: its name, shape, weights, and how many are kept."""
        rows = []
        for name, keep in self.mask.items():
            kept = count_kept(keep)
            rows.append([name, tuple(keep.shape), keep.numel(), kept, kept / keep.numel()])
        return Table(_LAYERS, rows)

    def _view(self) -> View:
        known = self.provenance
        kept, weights = (sum(column) for column in zip(*self._counts(), strict=True))
        begins = "initial values" if not self.start else f"values of iteration {self.start}"
        begins = f"the signs of their {begins}" if self.signs else f"their {begins}"
        return View(
            title=f"{self.architecture.name}, {kept:,} of {weights:,} weights "
            f"({kept / weights:.2%}), level {self.level} of trial {self.trial}",
            facts={
                "untrained:": f"survivors start from {begins}",
                "found on": known.get("data", {}).get("name", "data that are not known"),
                "bundle": str(known.get("bundle", "-"))[:12],
            },
            table=self.layers(),
            code=f"network = ticket{'.signed()' * self.signs}.build()"
            "  # an ordinary module; any training loop will do",
        )

    def _counts(self) -> list[tuple[int, int]]:
        """Kept and all weights of each layer."""
        return [(count_kept(keep), keep.numel()) for keep in self.mask.values()]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "id"}
