"""Small re-creations of what other systems leave on disk, with real tensors."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

HPARAMS = """\
Dataset Hyperparameters
    * dataset_name => {data}
    * batch_size => 128
Model Hyperparameters
    * model_name => {model}
    * model_init => kaiming_normal
    * batchnorm_init => uniform{before}
Pruning Hyperparameters
    * pruning_strategy => sparse_global
    * pruning_fraction => 0.2
    * pruning_layers_to_ignore => fc.weight
Training Hyperparameters
    * optimizer_name => sgd
    * lr => 0.1
    * training_steps => {end}
    * momentum => 0.9
    * milestone_steps => 1ep
    * gamma => 0.1
    * weight_decay => 0.0001"""

REWINDING = """
Pretraining Dataset Hyperparameters
    * dataset_name => {data}
    * batch_size => 128
Pretraining Training Hyperparameters
    * optimizer_name => sgd
    * lr => 0.1
    * training_steps => {steps}
    * momentum => 0.9
    * milestone_steps => 1ep
    * gamma => 0.1
    * weight_decay => 0.0001"""
"""Rewinding copies the settings of the search, all but the steps."""


def random_state(module: nn.Module, seed: int) -> dict[str, Tensor]:
    """A state dict with values other than 0 everywhere."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(value.shape, generator=generator) + 0.5
        if value.is_floating_point()
        else value.clone()
        for name, value in module.state_dict().items()
    }


def halved(mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: keep * (torch.rand(keep.shape, generator=generator) < 0.5).to(keep.dtype)
        for name, keep in mask.items()
    }


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """`.weight` of every Conv2d and Linear, as ones."""
    return {
        f"{name}.weight": torch.ones(part.weight.shape, dtype=torch.int32)
        for name, part in module.named_modules()
        if isinstance(part, nn.Conv2d | nn.Linear)
    }


class OpenLeNet(nn.Module):
    """The parameters of open_lth's mnist_lenet."""

    def __init__(self, inputs: int = 784, widths: tuple[int, ...] = (12, 7)) -> None:
        super().__init__()
        sizes = (inputs, *widths)
        self.fc_layers = nn.ModuleList(
            nn.Linear(fan_in, fan_out) for fan_in, fan_out in zip(sizes, widths, strict=False)
        )
        self.fc = nn.Linear(widths[-1], 10)


class OpenBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, *, down: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=2 if down else 1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if down:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=2, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, values: Tensor) -> Tensor:
        inner = self.bn1(self.conv1(values)).relu()
        outer: Tensor = self.bn2(self.conv2(inner)) + self.shortcut(values)
        return outer.relu()


class OpenResNet(nn.Module):
    """The layout of open_lth's cifar_resnet_8_W."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(
            OpenBlock(width, width, down=False),
            OpenBlock(width, 2 * width, down=True),
            OpenBlock(2 * width, 4 * width, down=True),
        )
        self.fc = nn.Linear(4 * width, 10)

    def forward(self, images: Tensor) -> Tensor:
        values = self.blocks(self.bn(self.conv(images)).relu())
        logits: Tensor = self.fc(nn.functional.avg_pool2d(values, values.shape[3]).flatten(1))
        return logits


class OpenConvModule(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, values: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(values)))


class OpenVGG(nn.Module):
    """The layout of open_lth's cifar_vgg_11."""

    def __init__(self) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        inputs = 3
        for plan in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512):
            if isinstance(plan, str):
                parts.append(nn.MaxPool2d(2, 2))
            else:
                parts.append(OpenConvModule(inputs, plan))
                inputs = plan
        self.layers = nn.Sequential(*parts)
        self.fc = nn.Linear(512, 10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(nn.AvgPool2d(2)(self.layers(images)).flatten(1))
        return logits


def write_open_lth(
    replicate: Path,
    module: nn.Module,
    *,
    model: str,
    data: str = "mnist",
    levels: int = 3,
    seed: int = 0,
    start: tuple[int, int] = (0, 0),
    rewinding: str = "",
    end: str = "2ep",
    legacy: bool = False,
) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    """One replicate as open_lth leaves it; returns its dense theta0 and its masks."""
    theta0, mask = random_state(module, seed), weights_of(module)
    masks = []
    for level in range(levels):
        place = replicate / f"level_{level}/main"
        place.mkdir(parents=True)
        if level:
            mask = halved(mask, 10 * seed + level)
        masks.append(mask)
        weights = {k: v * mask[k] if k in mask else v for k, v in theta0.items()}
        trained = {k: v * 1.5 if v.is_floating_point() else v for k, v in weights.items()}
        plain = {"_use_new_zipfile_serialization": not legacy}
        torch.save(weights, place / f"model_ep{start[0]}_it{start[1]}.pth", **plain)
        torch.save(trained, place / "model_ep2_it0.pth", **plain)
        torch.save(mask, place / "mask.pth", **plain)
        (place / "logger").write_text("test_loss,0,2.3\ntest_accuracy,0,0.1\n")
        (place / "sparsity_report.json").write_text('{"total": 1.0, "unpruned": 1.0}')
    before = REWINDING.format(data=data, steps=rewinding) if rewinding else ""
    text = HPARAMS.format(data=data, model=model, before=before, end=end)
    (replicate / "level_0/main/hparams.log").write_text(text)
    return theta0, masks


def write_google(
    folder: Path, *, levels: int = 3, sizes: tuple[int, ...] = (784, 6, 5, 10), seed: int = 0
) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """One trial of Google's tree; returns its initial weights and the masks of each level."""
    generator = np.random.default_rng(seed)
    shapes = list(itertools.pairwise(sizes))
    initial = [generator.normal(size=shape).astype(np.float32) for shape in shapes]
    keep = [np.ones(shape) for shape in shapes]
    masks = []
    for level in range(levels):
        place = folder / str(level) / "same_init"
        for part in ("initial", "final", "masks"):
            (place / part).mkdir(parents=True)
        if level:
            keep = [each * (generator.random(each.shape) < 0.5) for each in keep]
        masks.append(keep)
        for index, (value, mask) in enumerate(zip(initial, keep, strict=True)):
            start = (value * mask).astype(np.float32)
            np.save(place / f"initial/layer{index}.npy", start)
            np.save(place / f"final/layer{index}.npy", start * np.float32(1.5))
            if level:
                np.save(place / f"masks/layer{index}.npy", mask)
        (place / "test.log").write_text("iteration,100,test_loss,0.3,test_accuracy,0.91\n")
    return initial, masks


class Executed:
    """Unpickling it would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.path,))
