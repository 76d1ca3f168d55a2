"""The four networks of SimplePruning's table of sizes and times before and after pruning.

github.com/DasudaRunner/SimplePruning (2019), read in its `modelsets.py`: VGG19 of 11 convolutions
and three fully connected layers (here `vgg-14`, after its 14 layers with weights), SimpleNet,
DenseNet40 and MobileNetV1. Convolutions have biases, also in front of a norm. Norms are PyTorch's,
whose momentum and eps are not TensorFlow's; padding of strided convolutions is symmetric.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ticket_hub.networks.limits import require_side
from ticket_hub.networks.prunable import Output
from ticket_hub.networks.registry import register_network
from ticket_hub.types import Architecture

__all__ = ["DenseNet", "PlainNet"]

GROWTH, DENSE_LAYERS, DENSE_STEM = 12, 12, 32
MOBILE = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5)
"""Outputs and stride of each pair of a depthwise and a pointwise convolution."""
SIMPLE = ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2))


class PlainNet(nn.Module):
    """Features, the mean or the maximum over pixels, and fully connected layers."""

    def __init__(self, features: list[nn.Module], widths: list[int], *, largest: bool) -> None:
        super().__init__()
        *hidden, classes = widths[1:]
        self.features = nn.Sequential(*features)
        self.hidden = nn.ModuleList(
            nn.Linear(fan_in, fan_out) for fan_in, fan_out in zip(widths, hidden, strict=False)
        )
        self.output = Output(widths[-2], classes)
        self.largest = largest

    def forward(self, images: Tensor) -> Tensor:
        """`(batch, channels, height, width)` -> logits `(batch, classes)`."""
        values = self.features(images)
        values = values.amax((2, 3)) if self.largest else values.mean((2, 3))
        for layer in self.hidden:
            values = layer(values).relu()
        logits: Tensor = self.output(values)
        return logits


class DenseLayer(nn.Module):
    """A norm, ReLU and a 3x3 convolution, whose outputs join what came in."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, GROWTH, 3, padding=1)

    def forward(self, values: Tensor) -> Tensor:
        """`(batch, inputs, height, width)` -> `(batch, inputs + 12, height, width)`."""
        return torch.cat([values, self.conv(self.norm(values).relu())], 1)


class DenseNet(nn.Module):
    """Three blocks of 12 layers, a 1x1 convolution as wide as its input and a pool between them."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.Conv2d(channels, DENSE_STEM, 3, padding=1)]
        width = DENSE_STEM
        for block in range(3):
            if block:
                parts += [
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                    nn.Conv2d(width, width, 1),
                    nn.AvgPool2d(2),
                ]
            for _ in range(DENSE_LAYERS):
                parts.append(DenseLayer(width))
                width += GROWTH
        self.features = nn.Sequential(*parts, nn.BatchNorm2d(width), nn.ReLU())
        self.output = Output(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """`(batch, channels, height, width)` -> logits `(batch, classes)`."""
        logits: Tensor = self.output(self.features(images).mean((2, 3)))
        return logits


@register_network("simplenet", examples=("simplenet",))
def simplenet(architecture: Architecture) -> nn.Module:
    """Build `simplenet`: six 5x5 convolutions without norms, three of stride 2; 512 hidden."""
    parts: list[nn.Module] = []
    channels = architecture.channels
    for outputs, stride in SIMPLE:
        parts += [nn.Conv2d(channels, outputs, 5, stride=stride, padding=2), nn.ReLU()]
        channels = outputs
    return PlainNet(parts, [channels, 512, architecture.classes], largest=False)


@register_network("vgg-14", examples=("vgg-14",))
def vgg14(architecture: Architecture) -> nn.Module:
    """Build `vgg-14`: 11 convolutions without norms, the maximum over pixels, 1024-1024."""
    require_side(architecture, 16)  # four 2x2 pools
    parts: list[nn.Module] = []
    channels = architecture.channels
    for group in range(5):
        outputs = 64 << min(group, 3)
        for _ in range(2 if group < 4 else 3):  # noqa: PLR2004 - the last group
            parts += [nn.Conv2d(channels, outputs, 3, padding=1), nn.ReLU()]
            channels = outputs
        if group < 4:  # noqa: PLR2004 - the last group
            parts.append(nn.MaxPool2d(2))
    return PlainNet(parts, [channels, 1024, 1024, architecture.classes], largest=True)


@register_network("densenet-40", examples=("densenet-40",))
def densenet40(architecture: Architecture) -> nn.Module:
    """Build `densenet-40`: growth 12, a first convolution of 32, no compression."""
    require_side(architecture, 4)  # two 2x2 pools
    return DenseNet(architecture.channels, architecture.classes)


@register_network("mobilenet-v1", examples=("mobilenet-v1",))
def mobilenet(architecture: Architecture) -> nn.Module:
    """Build `mobilenet-v1`: a stem of stride 1, 11 depthwise separable convolutions to 512."""
    parts: list[nn.Module] = [nn.Conv2d(architecture.channels, 32, 3, padding=1), nn.ReLU()]
    channels = 32
    for outputs, stride in MOBILE:
        parts += [
            nn.Conv2d(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, outputs, 1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
        channels = outputs
    return PlainNet(parts, [channels, architecture.classes], largest=False)
