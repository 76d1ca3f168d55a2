"""LeNet-300-100 and its family: fully connected layers with ReLU (LeCun et al. 1998)."""

from __future__ import annotations

from torch import Tensor, nn

from ticket_hub.networks.options import FloatRange
from ticket_hub.networks.prunable import Output
from ticket_hub.networks.registry import register_network
from ticket_hub.types import Architecture

__all__ = ["DROPOUT", "LeNet"]

DROPOUT = FloatRange(default=0.0, low=0.0, high=0.95)
"""Behind each hidden fully connected layer."""


class LeNet(nn.Module):
    """Fully connected layers of the given widths over the flattened image, ReLU between them.

    Dropout follows each hidden layer.
    """

    def __init__(self, inputs: int, widths: tuple[int, ...], classes: int, dropout: float) -> None:
        super().__init__()
        sizes = (inputs, *widths)
        self.hidden = nn.ModuleList(
            nn.Linear(fan_in, fan_out) for fan_in, fan_out in zip(sizes, widths, strict=False)
        )
        self.dropout = nn.Dropout(dropout)
        self.output = Output(sizes[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """`(batch, channels, height, width)` -> logits `(batch, classes)`."""
        values = images.flatten(1)
        for layer in self.hidden:
            values = self.dropout(layer(values).relu())
        logits: Tensor = self.output(values)
        return logits


@register_network(
    r"lenet(-[1-9]\d{0,5}){1,32}", options={"dropout": DROPOUT}, examples=("lenet-300-100",)
)
def lenet(architecture: Architecture, *, dropout: float = 0.0) -> nn.Module:
    """Build `lenet-N-M-...`: one hidden layer for each number."""
    widths = tuple(int(width) for width in architecture.name.split("-")[1:])
    channels, height, width = architecture.input_shape
    return LeNet(channels * height * width, widths, architecture.classes, dropout)
