"""Gradients of the loss at given weights, for criteria that score by them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ticket_hub.data import DataSet, Part, normalized
from ticket_hub.networks import build
from ticket_hub.recipe import TrainingSpec
from ticket_hub.seeds import derive_seed
from ticket_hub.shapes import Int64
from ticket_hub.training.settings import deliberate, on_device
from ticket_hub.types import Architecture, Weights

__all__ = ["EXAMPLES_PER_CLASS", "loss_gradients"]

EXAMPLES_PER_CLASS = 10
BATCH = 100


def loss_gradients(
    architecture: Architecture,
    data: DataSet,
    training: TrainingSpec,
    weights: Weights,
    seed: int,
) -> dict[str, Tensor]:
    """dL/dw of the mean cross-entropy over some training examples, in float32 on the CPU.

    Ten examples of each class (all, where a class has fewer), drawn by the seed, not augmented.
    The module is in evaluation mode: norms use their running statistics, nothing is dropped.

    Args:
        weights: the whole state dict, such as that of the end of training.

    Shapes:
        The result has the names and shapes of the network's parameters.
    """
    device = data.device
    with deliberate(training), on_device(device):
        module = build(architecture).to(device).eval()
        module.load_state_dict(dict(weights))
        named = dict(module.named_parameters())
        sums = [torch.zeros_like(value) for value in named.values()]
        part = data.train.take(_chosen(data.train, data.classes, seed).to(device))
        for images, labels in zip(part.inputs.split(BATCH), part.labels.split(BATCH), strict=True):
            logits = module(normalized(images, data))
            loss = functional.cross_entropy(logits, labels, reduction="sum")
            found = torch.autograd.grad(loss, list(named.values()), materialize_grads=True)
            torch._foreach_add_(sums, found)
        return {name: total.div(len(part)).cpu() for name, total in zip(named, sums, strict=True)}


def _chosen(part: Part, classes: int, seed: int) -> Int64[Tensor, " chosen"]:
    """Places of the examples, class by class."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "scoring-examples"))
    order = torch.randperm(len(part), generator=generator)
    labels = part.labels.cpu()[order]
    return torch.cat([order[labels == label][:EXAMPLES_PER_CLASS] for label in range(classes)])
