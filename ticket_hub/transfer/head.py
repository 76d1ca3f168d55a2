"""A ticket for data with another number of classes: what becomes of its output layer.

- `keep`: the head goes along as it is; refused where the numbers of classes differ.
- `reset`: fresh values, and no weight of it masked.
- `reset-masked`: fresh values under the ticket's mask; with another number of classes, row r has
  the mask of row r modulo the ticket's number of classes.
- `auto`: `keep` where the numbers of classes agree, else `reset` (as Morcos et al. 2019).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.errors import NetworkError
from ticket_hub.networks import initialize, outline
from ticket_hub.recipe import NetworkSpec
from ticket_hub.transfer.spec import HeadPolicy
from ticket_hub.types import Weights

__all__ = ["Fitted", "fit"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A ticket that fits the data.

    Attributes:
        ticket: with an output for each class.
        policy: what became of its head; never `auto`.
        fresh: prunable layers whose values did not come from the ticket.
    """

    ticket: TicketContent
    policy: HeadPolicy
    fresh: frozenset[str] = frozenset()

    @property
    def transferred_density(self) -> float:
        """Kept weights over prunable weights, of the layers that came from the ticket."""
        masks = [keep for name, keep in self.ticket.mask.items() if name not in self.fresh]
        total = sum(keep.numel() for keep in masks)
        return sum(int(keep.sum()) for keep in masks) / total if total else 1.0


def fit(
    ticket: TicketContent, classes: int, policy: HeadPolicy, network: NetworkSpec, seed: int
) -> Fitted:
    """Give a ticket a head for so many classes.

    Args:
        network: its rule draws the fresh head.
        seed: of the fresh head.

    Raises:
        NetworkError: `keep` with another number of classes, or a network whose head is not known.
    """
    same = ticket.architecture.classes == classes
    chosen = policy if policy != "auto" else "keep" if same else "reset"
    if chosen != "keep":
        target = dataclasses.replace(ticket.architecture, classes=classes)
        heads = [layer.name for layer in outline(target).layers if layer.kind == "output"]
        if not heads:
            raise NetworkError(
                f"{target.name!r} has no layer of kind `output`, so it is not known which to "
                "reset.",
                "Keep the head, or mark the layer with `ticket_hub.networks.set_kind`.",
            )
        fresh = initialize(target, network, seed)
        theta0 = dict(ticket.theta0) | {name: fresh[name] for name in _tensors_of(heads, fresh)}
        mask = dict(ticket.mask)
        for name in heads:
            mask[name] = _head_mask(ticket.mask[name], fresh[name], chosen)
        expected = outline(target).shapes
        wrong = [name for name, value in theta0.items() if tuple(value.shape) != expected[name]]
        if wrong:
            raise NetworkError(
                f"With {target.classes} classes {target.name!r} differs in {wrong[0]!r}, "
                "which is no part of its output layer.",
                "Choose data with as many classes as the ticket tells apart.",
            )
        fitted = dataclasses.replace(ticket, architecture=target, theta0=theta0, mask=mask)
        return Fitted(ticket=fitted, policy=chosen, fresh=frozenset(heads))
    if not same:
        raise NetworkError(
            f"The ticket tells {ticket.architecture.classes} classes apart, and the data have "
            f"{classes}, so its head cannot be kept.",
            "Reset the head (`--head reset`, the default), or choose data with as many classes.",
        )
    return Fitted(ticket=ticket, policy="keep")


def _tensors_of(heads: Iterable[str], weights: Weights) -> list[str]:
    # The bias too: it is no prunable layer, and belongs to the head all the same.
    prefixes = tuple(name.rpartition(".")[0] + "." for name in heads)
    return [name for name in weights if name.startswith(prefixes)]


def _head_mask(keep: Tensor, weight: Tensor, policy: HeadPolicy) -> Tensor:
    if policy == "reset":
        return torch.ones(weight.shape, dtype=torch.bool)
    return keep[torch.arange(len(weight)) % len(keep)]
