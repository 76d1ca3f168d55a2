"""VGG with batch norm for small images (Simonyan & Zisserman 2015; Frankle & Carbin 2019)."""

from __future__ import annotations

from torch import Tensor, nn

from ticket_hub.networks.limits import require_side
from ticket_hub.networks.prunable import Output
from ticket_hub.networks.registry import register_network
from ticket_hub.types import Architecture

__all__ = ["VGG"]

WIDTHS = (64, 128, 256, 512, 512)
CONVOLUTIONS = {
    "vgg-11": (1, 1, 2, 2, 2),
    "vgg-13": (2, 2, 2, 2, 2),
    "vgg-16": (2, 2, 3, 3, 3),
    "vgg-19": (2, 2, 4, 4, 4),
}
MIN_SIDE = 16  # four 2x2 pools


class VGG(nn.Module):
    """Five groups of 3x3 convolutions, 2x2 pools between them, and the mean over pixels."""

    def __init__(self, channels: int, convolutions: tuple[int, ...], classes: int) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for group, (outputs, count) in enumerate(zip(WIDTHS, convolutions, strict=True)):
            if group:
                parts.append(nn.MaxPool2d(2))
            for _ in range(count):
                parts += [
                    nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
                    nn.BatchNorm2d(outputs),
                    nn.ReLU(),
                ]
                channels = outputs
        self.features = nn.Sequential(*parts)
        self.output = Output(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """`(batch, channels, height, width)` -> logits `(batch, classes)`."""
        # a mean, since the backward pass of adaptive pooling is not deterministic on CUDA
        logits: Tensor = self.output(self.features(images).mean((2, 3)))
        return logits


@register_network("vgg-(11|13|16|19)", examples=("vgg-11", "vgg-13", "vgg-16", "vgg-19"))
def vgg(architecture: Architecture) -> nn.Module:
    """Build `vgg-D`: D - 3 convolutions of the original, and one fully connected layer."""
    require_side(architecture, MIN_SIDE)
    return VGG(architecture.channels, CONVOLUTIONS[architecture.name], architecture.classes)
