"""The ResNets of large images with a stem for small ones: 3x3 without stride, and no pool.

The ResNet-18 that most papers mean on CIFAR (11.2 million weights), with torchvision's names.
"""

from __future__ import annotations

from torch import Tensor, nn

from ticket_hub.networks.limits import require_side
from ticket_hub.networks.prunable import Output, Shortcut
from ticket_hub.networks.registry import register_network
from ticket_hub.types import Architecture

__all__ = ["SmallStemResNet"]

BLOCKS = {"small-resnet-18": (2, 2, 2, 2), "small-resnet-34": (3, 4, 6, 3)}
WIDTH = 64
MIN_SIDE = 8  # three strides of 2


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, added to the identity path."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                Shortcut(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, values: Tensor) -> Tensor:
        """`(batch, inputs, height, width)` -> `(batch, outputs, height/stride, width/stride)`."""
        inner = self.bn1(self.conv1(values)).relu()
        outer: Tensor = self.bn2(self.conv2(inner)) + self.downsample(values)
        return outer.relu()


class SmallStemResNet(nn.Module):
    """Four stages of basic blocks of 64 to 512 channels, then the mean over pixels."""

    def __init__(self, channels: int, blocks: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, WIDTH, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTH)
        inputs = WIDTH
        for stage, count in enumerate(blocks):
            outputs = WIDTH << stage
            parts = []
            for index in range(count):
                parts.append(BasicBlock(inputs, outputs, 2 if stage and not index else 1))
                inputs = outputs
            self.add_module(f"layer{stage + 1}", nn.Sequential(*parts))
        self.fc = Output(inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        """`(batch, channels, height, width)` -> logits `(batch, classes)`."""
        values = self.bn1(self.conv1(images)).relu()
        for stage in ("layer1", "layer2", "layer3", "layer4"):
            values = self.get_submodule(stage)(values)
        # a mean, since the backward pass of adaptive pooling is not deterministic on CUDA
        logits: Tensor = self.fc(values.mean((2, 3)))
        return logits


@register_network("small-resnet-(18|34)", examples=("small-resnet-18", "small-resnet-34"))
def small_resnet(architecture: Architecture) -> nn.Module:
    """Build `small-resnet-D`."""
    require_side(architecture, MIN_SIDE)
    return SmallStemResNet(architecture.channels, BLOCKS[architecture.name], architecture.classes)
