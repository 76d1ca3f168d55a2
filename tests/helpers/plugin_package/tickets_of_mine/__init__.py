"""A package that others install: a network, a data set, a criterion and a control."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.data import Part, Published, register_dataset
from ticket_hub.networks import register
from ticket_hub.pruning import register_criterion
from ticket_hub.transfer import register_control
from ticket_hub.types import Architecture, Mask, Weights


@register("packed-net")
def packed_net(of: Architecture) -> nn.Module:
    inputs = of.channels * of.height * of.width
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 12), nn.ReLU(), nn.Linear(12, of.classes))


@register_dataset("packed-stripes")
def packed_stripes(root: Path) -> Published:
    """Four classes of 6x6 noise with one bright row each."""
    del root
    generator = torch.Generator().manual_seed(1)

    def part(count: int) -> Part:
        labels = torch.arange(count) % 4
        images = torch.randint(100, (count, 1, 6, 6), generator=generator)
        images[torch.arange(count), 0, labels] += 150
        return Part(inputs=images.to(torch.uint8), labels=labels)

    return Published(train=part(300), test=part(80), classes=4)


@register_criterion("packed-movement")
def packed_movement(initial: Tensor, trained: Tensor) -> Tensor:
    return (trained - initial).abs()


@register_control("packed-flip")
def packed_flip(ticket: TicketContent) -> tuple[Weights, Mask]:
    """Every weight of theta0 with the other sign."""
    return {**ticket.theta0, **{name: -ticket.theta0[name] for name in ticket.mask}}, ticket.mask
