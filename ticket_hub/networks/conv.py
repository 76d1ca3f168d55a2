"""Conv-2, Conv-4 and Conv-6: small variants of VGG (Frankle & Carbin 2019, figure 2)."""

from __future__ import annotations

from torch import Tensor, nn

from ticket_hub.networks.lenet import DROPOUT
from ticket_hub.networks.limits import require_side
from ticket_hub.networks.prunable import Output
from ticket_hub.networks.registry import register_network
from ticket_hub.types import Architecture

__all__ = ["Conv"]

WIDTHS = (64, 128, 256)
HIDDEN = (256, 256)


class Conv(nn.Module):
    """Pairs of 3x3 convolutions, each pair followed by a 2x2 pool; then two layers of 256.

    Dropout follows each hidden fully connected layer.
    """

    def __init__(
        self, input_shape: tuple[int, int, int], pairs: int, classes: int, dropout: float
    ) -> None:
        super().__init__()
        channels, height, width = input_shape
        parts: list[nn.Module] = []
        for outputs in WIDTHS[:pairs]:
            for inputs in (channels, outputs):
                parts += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            parts.append(nn.MaxPool2d(2))
            channels = outputs
        self.features = nn.Sequential(*parts)
        sizes = (channels * (height >> pairs) * (width >> pairs), *HIDDEN)
        self.hidden = nn.ModuleList(
            nn.Linear(fan_in, fan_out) for fan_in, fan_out in zip(sizes, HIDDEN, strict=False)
        )
        self.dropout = nn.Dropout(dropout)
        self.output = Output(HIDDEN[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """`(batch, channels, height, width)` -> logits `(batch, classes)`."""
        values = self.features(images).flatten(1)
        for layer in self.hidden:
            values = self.dropout(layer(values).relu())
        logits: Tensor = self.output(values)
        return logits


@register_network(
    "conv-[246]", options={"dropout": DROPOUT}, examples=("conv-2", "conv-4", "conv-6")
)
def conv(architecture: Architecture, *, dropout: float = 0.0) -> nn.Module:
    """Build `conv-K`: K convolutions in pairs of 64, 128 and 256 channels."""
    pairs = int(architecture.name.removeprefix("conv-")) // 2
    require_side(architecture, 2**pairs)
    return Conv(architecture.input_shape, pairs, architecture.classes, dropout)
