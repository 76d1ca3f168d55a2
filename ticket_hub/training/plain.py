"""The fallback backend: one module after another, PyTorch's own optimizers, right everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ticket_hub.data import DataSet, Part, normalized
from ticket_hub.networks import build
from ticket_hub.pruning.masks import masked
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.member import Member
from ticket_hub.training.order import batch_indices
from ticket_hub.training.schedules import learning_rate
from ticket_hub.types import Architecture, Weights

__all__ = ["Plain"]

EVALUATION_BATCH = 1000


class Plain:
    """Train each member of a group by itself, one after the other."""

    name = "plain"

    def __init__(
        self,
        architecture: Architecture,
        data: DataSet,
        training: TrainingSpec,
        members: Sequence[Member],
    ) -> None:
        self.data, self.training, self.members = data, training, members
        self.iteration = members[0].start
        self.device = data.train.images.device
        self.modules = [self._load(architecture, member) for member in members]
        self.optimizers = [_optimizer(module, training) for module in self.modules]

    def _load(self, architecture: Architecture, member: Member) -> nn.Module:
        module = build(architecture).to(self.device)
        module.load_state_dict(masked(member.weights, member.mask))
        for name, keep in member.mask.items():
            parameter = module.get_parameter(name)
            factor = keep.to(parameter)
            parameter.register_hook(factor.mul)
        return module

    def train(self, stop: int) -> None:
        """Bring every member from the present iteration to `stop`."""
        for member, module, optimizer in zip(
            self.members, self.modules, self.optimizers, strict=True
        ):
            module.train()
            for iteration in range(self.iteration, stop):
                self._step(member, module, optimizer, iteration)
        self.iteration = stop

    def _step(
        self, member: Member, module: nn.Module, optimizer: torch.optim.Optimizer, iteration: int
    ) -> None:
        chosen = batch_indices(
            member.seed, member.level, iteration, self.training.batch_size, len(self.data.train)
        ).to(self.device)
        images = normalized(self.data.train.images[chosen], self.data)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(self.training, iteration)
        optimizer.zero_grad()
        functional.cross_entropy(module(images), self.data.train.labels[chosen]).backward()
        optimizer.step()

    @torch.inference_mode()
    def evaluate(self, part: Part) -> Tensor:
        """Mean loss and accuracy of every member: float64 `(members, 2)`."""
        return torch.stack([self._evaluate(module, part) for module in self.modules])

    def _evaluate(self, module: nn.Module, part: Part) -> Tensor:
        module.eval()
        total = torch.zeros(2, dtype=torch.float64)
        for images, labels in zip(
            part.images.split(EVALUATION_BATCH), part.labels.split(EVALUATION_BATCH), strict=True
        ):
            logits = module(normalized(images, self.data))
            total[0] += functional.cross_entropy(logits, labels, reduction="sum").double()
            total[1] += (logits.argmax(1) == labels).sum()
        return total / len(part)

    def weights(self) -> list[Weights]:
        """The present state dict of every member, copied to the CPU."""
        return [
            {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}
            for module in self.modules
        ]


def _optimizer(module: nn.Module, spec: TrainingSpec) -> torch.optim.Optimizer:
    parameters = list(module.parameters())
    if spec.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=spec.lr,
            momentum=spec.momentum,
            nesterov=spec.nesterov,
            weight_decay=spec.weight_decay,
        )
    kind = torch.optim.Adam if spec.optimizer == "adam" else torch.optim.AdamW
    return kind(
        parameters,
        lr=spec.lr,
        betas=(spec.beta1, spec.beta2),
        eps=spec.eps,
        weight_decay=spec.weight_decay,
    )
