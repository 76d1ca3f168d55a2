"""What a user's own file looks like: a plain module and a data set, each registered in a line."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ticket_hub.data import Part, Published, register_dataset
from ticket_hub.networks import register
from ticket_hub.types import Architecture


class MyNet(nn.Module):
    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(inputs, 16), nn.ReLU())
        self.head = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(x))
        return logits


@register("my-net")
def my_net(of: Architecture) -> nn.Module:
    return MyNet(of.channels * of.height * of.width, of.classes)


@register_dataset("my-squares")
def my_squares(_root: Path) -> Published:
    """Four classes of 8x8 noise, each brighter than the one before."""
    generator = torch.Generator().manual_seed(0)

    def part(count: int) -> Part:
        labels = torch.randint(4, (count,), generator=generator)
        noise = torch.randint(100, (count, 1, 8, 8), generator=generator)
        images = noise + 50 * labels.view(-1, 1, 1, 1)
        return Part(inputs=images.to(torch.uint8), labels=labels)

    return Published(train=part(400), test=part(100), classes=4)
