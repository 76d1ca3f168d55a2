"""ResNets for small images: 6n + 2 layers (He et al. 2016, section 4.2).

`resnet-20` is the "ResNet-18" of Frankle & Carbin 2019. Where the shape changes, the identity path
is a 1x1 convolution (their option B), which gives 270,896 weights with 2,560 of them in shortcuts.
"""

from __future__ import annotations

from torch import Tensor, nn

from ticket_hub.errors import NetworkError
from ticket_hub.networks.limits import require_side
from ticket_hub.networks.options import IntRange
from ticket_hub.networks.prunable import Output, Shortcut
from ticket_hub.networks.registry import register_network
from ticket_hub.types import Architecture

__all__ = ["ResNet"]

WIDTH = IntRange(default=16, low=1, high=1024)
MIN_SIDE = 4  # two strides of 2
DEEPEST = 1202  # the deepest one of the paper


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm, added to the identity path."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                Shortcut(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, values: Tensor) -> Tensor:
        """`(batch, inputs, height, width)` -> `(batch, outputs, height/stride, width/stride)`."""
        inner = self.norm1(self.conv1(values)).relu()
        outer: Tensor = self.norm2(self.conv2(inner)) + self.shortcut(values)
        return outer.relu()


class ResNet(nn.Module):
    """Three stages of n blocks at full, half and quarter resolution, then the mean over pixels."""

    def __init__(self, channels: int, width: int, blocks: int, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        stages, inputs = [], width
        for stage in range(3):
            outputs = width << stage
            for index in range(blocks):
                stages.append(Block(inputs, outputs, 2 if stage and not index else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*stages)
        self.output = Output(inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        """`(batch, channels, height, width)` -> logits `(batch, classes)`."""
        values = self.blocks(self.norm(self.conv(images)).relu())
        # a mean, since the backward pass of adaptive pooling is not deterministic on CUDA
        logits: Tensor = self.output(values.mean((2, 3)))
        return logits


@register_network(
    r"resnet-[1-9]\d{0,3}",
    options={"width": WIDTH},
    examples=("resnet-20", "resnet-32", "resnet-44", "resnet-56", "resnet-110"),
)
def resnet(architecture: Architecture, *, width: int = 16) -> nn.Module:
    """Build `resnet-D` with D = 6n + 2 layers and `width` channels in the first stage.

    Raises:
        NetworkError: there is no such depth, or the images are too small.
    """
    depth = int(architecture.name.removeprefix("resnet-"))
    blocks, rest = divmod(depth - 2, 6)
    if rest or not blocks or depth > DEEPEST:
        below = min(6 * max(blocks, 1) + 2, DEEPEST - 6)
        raise NetworkError(
            f"There is no {architecture.name!r}: ResNets for small images have 6n + 2 layers, "
            f"{DEEPEST} at most.",
            f"The nearest are 'resnet-{below}' and 'resnet-{below + 6}'; the ones for large "
            "images have names such as 'timm:resnet18'.",
        )
    require_side(architecture, MIN_SIDE)
    return ResNet(architecture.channels, width, blocks, architecture.classes)
