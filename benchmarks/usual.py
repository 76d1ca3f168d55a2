"""What people write today, as the reference: one trial at a time, honestly."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Subset

from ticket_hub.networks import build
from ticket_hub.types import Architecture, Mask
from ticket_hub.vision import import_with_torchvision


class UsualLoop:
    """A torchvision data set with ToTensor and Normalize, a DataLoader, masks by multiplication.

    Evaluation goes through a DataLoader too. Nothing is done to make it slow: no workers that
    would cost CPU time of their own, batches of 1,000 to evaluate, no copies, no reading of
    losses while it trains.
    """

    def __init__(
        self, dataset: str, root: Path, architecture: Architecture, batch_size: int, mask: Mask
    ) -> None:
        train, test = _datasets(dataset, root)
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0)).tolist()
        self._train = DataLoader(
            Subset(train, order[5000:]), batch_size, shuffle=True, drop_last=True
        )
        self._validation = DataLoader(Subset(train, order[:5000]), 1000)
        self._test = DataLoader(test, 1000)
        self._batches = iter(self._train)
        self.module = build(architecture)
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(
            self.module.parameters(), lr=1.2e-3
        )
        if dataset == "cifar10":
            self.optimizer = torch.optim.SGD(self.module.parameters(), lr=0.03, momentum=0.9)
        parameters = dict(self.module.named_parameters())
        self._masks = [(parameters[name], keep.float()) for name, keep in mask.items()]
        self._apply_masks()

    def _apply_masks(self) -> None:
        with torch.no_grad():
            for parameter, mask in self._masks:
                parameter.mul_(mask)

    def _next(self) -> tuple[Tensor, Tensor]:
        try:
            batch = next(self._batches)
        except StopIteration:
            self._batches = iter(self._train)
            batch = next(self._batches)
        return batch[0], batch[1]

    def train(self, iterations: int) -> None:
        """So many optimizer steps."""
        self.module.train()
        for _ in range(iterations):
            images, labels = self._next()
            self.optimizer.zero_grad()
            functional.cross_entropy(self.module(images), labels).backward()
            self.optimizer.step()
            self._apply_masks()

    def evaluate(self, batches: int) -> float:
        """The first batches of validation and test, 1,000 images each; the mean loss."""
        self.module.eval()
        total, seen = 0.0, 0
        with torch.no_grad():
            for _, (images, labels) in zip(range(batches), self._both(), strict=False):
                logits = self.module(images)
                total += float(functional.cross_entropy(logits, labels, reduction="sum"))
                seen += len(labels)
        return total / seen

    def _both(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield from self._validation
        yield from self._test


def _datasets(name: str, root: Path) -> tuple[Any, Any]:
    sets = import_with_torchvision("torchvision.datasets")
    transforms = import_with_torchvision("torchvision.transforms")
    if name == "mnist":
        plain = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
        )
        return tuple(sets.MNIST(str(root), train=t, transform=plain) for t in (True, False))
    tensor = [
        transforms.ToTensor(),
        transforms.Normalize((0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.262)),
    ]
    moved = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
    return (
        sets.CIFAR10(str(root), train=True, transform=transforms.Compose([*moved, *tensor])),
        sets.CIFAR10(str(root), train=False, transform=transforms.Compose(tensor)),
    )


class TightLoop:
    """The best that one trial at a time can be: tensors in memory, fused updates, few calls.

    Masks, one for each weight matrix, are applied after a step by one multiplication of all.

    Args:
        images: normalized, as the module takes them.
        optimizer: of the module's parameters, fused.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        batch: int,
        masks: Sequence[Tensor] = (),
    ) -> None:
        self._images, self._labels, self._batch = images, labels, batch
        self.module, self._optimizer = module, optimizer
        layers = [part for part in module.modules() if isinstance(part, nn.Linear)]
        self._weights = [part.weight for part in layers]
        self._masks = [mask.float() for mask in masks]
        if self._masks:
            self._apply_masks()
        self._place = len(labels)

    def train(self, iterations: int) -> None:
        """So many optimizer steps."""
        self.module.train()
        for _ in range(iterations):
            self.step(self.next_batch())

    def next_batch(self) -> Tensor:
        """The examples of the next step, on the device."""
        if self._place + self._batch > len(self._labels):
            self._order = torch.randperm(len(self._labels), device=self._labels.device)
            self._place = 0
        self._place += self._batch
        return self._order[self._place - self._batch : self._place]

    def step(self, chosen: Tensor) -> None:
        """One optimizer step."""
        self._optimizer.zero_grad(set_to_none=True)
        logits = self.module(self._images.index_select(0, chosen))
        functional.cross_entropy(logits, self._labels.index_select(0, chosen)).backward()
        self._optimizer.step()
        if self._masks:
            self._apply_masks()

    def _apply_masks(self) -> None:
        with torch.no_grad():
            torch._foreach_mul_(self._weights, self._masks)

    def evaluate(self, images: Tensor, labels: Tensor, size: int) -> float:
        """The mean loss, so many images at once."""
        self.module.eval()
        total = 0.0
        with torch.inference_mode():
            for some, answers in zip(images.split(size), labels.split(size), strict=True):
                loss = functional.cross_entropy(self.module(some), answers, reduction="sum")
                total += float(loss)
        assert math.isfinite(total)
        return total / len(labels)


def perceptron(sizes: Sequence[int]) -> nn.Module:
    """Linear layers of these widths with ReLU between them."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
