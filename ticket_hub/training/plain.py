"""The fallback backend: one module after another by autograd, right for every network."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ticket_hub.data import DataSet, Part
from ticket_hub.networks import build
from ticket_hub.pruning.masks import masked
from ticket_hub.recipe import TrainingSpec
from ticket_hub.seeds import derive_seed
from ticket_hub.shapes import Float64
from ticket_hub.training.backend import register_backend
from ticket_hub.training.batches import WHOLE, Batches
from ticket_hub.training.layout import lay_out
from ticket_hub.training.member import Member, MemberState
from ticket_hub.training.optimizers import make_optimizer
from ticket_hub.training.pixels import batches
from ticket_hub.training.readings import read_logits
from ticket_hub.training.settings import autocast
from ticket_hub.types import Architecture, Weights

__all__ = ["Lane", "Plain", "kept_random_state"]

EVALUATION_BATCH = {"cpu": 100, "cuda": 2000}
"""Examples of one forward pass; more of them fall out of a processor's cache."""


class Lane:
    """One member: its module, optimizer and inputs.

    Whatever the module draws at random (dropout, stochastic depth) comes from a generator that is
    seeded anew for each step from (seed, level, iteration).
    """

    def __init__(
        self,
        architecture: Architecture,
        data: DataSet,
        training: TrainingSpec,
        member: Member,
        share: slice = WHOLE,
    ) -> None:
        self.data, self.training, self.member = data, training, member
        self.device = data.device
        self.module = self._load(architecture)
        # Before masks and slots are made, which lie in memory as the weights do.
        self.format = lay_out(self.module, training.precision)
        named = dict(self.module.named_parameters())
        self.names = list(named)
        self.parameters = list(named.values())
        self.keep = self._masks(named)
        self.optimizer = make_optimizer(training, self.parameters)
        self.batches = Batches(data, training, [member], share)

    def _load(self, architecture: Architecture) -> nn.Module:
        module = build(architecture)
        module.load_state_dict(masked(self.member.weights, self.member.mask))
        return module.to(self.device)

    def _masks(self, named: dict[str, nn.Parameter]) -> dict[int, Tensor]:
        """Place in the list of parameters -> mask, where it drops anything."""
        kept = {}
        for place, (name, value) in enumerate(named.items()):
            keep = self.member.mask.get(name)
            if keep is not None and not bool(keep.all()):
                # As numbers, laid out like the gradient: only then is `_foreach_mul_` one call for
                # all of them.
                kept[place] = torch.empty_like(value).copy_(keep)
        return kept

    def train(self, start: int, stop: int) -> None:
        """Do the steps from `start` to `stop`."""
        self.module.train()
        while start < stop:
            steps = self.batches.load(start, stop)
            with kept_random_state(self.device):
                for iteration in range(start, start + steps):
                    self.batches.feed()
                    self.seed(iteration)
                    self.step()
            start += steps

    def seed(self, iteration: int) -> None:
        """Seed what the step at this iteration draws, on the host and on the device."""
        seed = derive_seed(self.member.seed, *self.noise(iteration))
        # `torch.manual_seed` formats the call stack for each kind of device that is not there,
        # which takes 30 times as long as seeding.
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.default_generators[torch.cuda.current_device()].manual_seed(seed)

    def noise(self, iteration: int) -> tuple[str | int, ...]:
        """What names the stream of this step's draws beside the member's seed."""
        return ("noise", self.member.level, iteration)

    def step(self) -> None:
        """One step at the present place of the inputs."""
        gradients = list(self.gradients())
        with torch.no_grad():
            self.optimizer.step(gradients, self.batches.lr)
        self.batches.advance()

    def gradients(self) -> Collection[Tensor]:  # a list is checked by random items in the tests
        """Of the mean loss of this step's inputs, by parameter; 0 where the mask drops."""
        images, labels = self.batches.inputs()
        if self.training.mixup:
            images, share, others = self.batches.mixed(images, labels)
        with autocast(self.training, self.device):
            logits = self.module(images[0].contiguous(memory_format=self.format))
        loss = self._loss(logits, labels[0])
        if self.training.mixup:
            loss = share[0] * loss + (1 - share[0]) * self._loss(logits, others[0])
        # The fused kernels want a gradient for each weight: 0 and not None where the loss does not
        # reach.
        gradients = list(torch.autograd.grad(loss, self.parameters, materialize_grads=True))
        with torch.no_grad():
            # On the gradient, and not on the weight after the step: so momentum stays 0 as well.
            if self.keep:
                torch._foreach_mul_([gradients[i] for i in self.keep], list(self.keep.values()))
        return gradients

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(
            # bfloat16 has 8 significant bits, too few for a loss.
            logits.float(),
            labels,
            label_smoothing=self.training.label_smoothing,
        )

    @torch.inference_mode()
    def evaluate(self, part: Part) -> Float64[Tensor, " 2"]:
        """Mean loss and accuracy."""
        return self.count(part) / len(part)

    def count(self, part: Part, first: int = 0, every: int = 1) -> Float64[Tensor, " 2"]:
        """Sums of losses and of right answers over a part, or over every so many batches of it."""
        self.module.eval()
        total = torch.zeros(2, dtype=torch.float64, device=self.device)
        # Small enough that each of `every` processes gets a batch.
        size = min(EVALUATION_BATCH.get(self.device.type, 100), -(-len(part) // every))
        for images, labels in batches(part, self.data, size, first, every):
            with autocast(self.training, self.device):
                logits = self.module(images.contiguous(memory_format=self.format))
            total += read_logits(logits.unsqueeze(0), labels)[0] * len(labels)
        return total

    def weights(self) -> Weights:
        """The present state dict, copied to the CPU."""
        return {name: _copy(value) for name, value in self.module.state_dict().items()}

    def state(self, iteration: int) -> MemberState:
        """What it needs to go on."""
        tensors = {f"weights/{name}": value for name, value in self.weights().items()}
        for kind, slots in self.optimizer.slots.items():
            for name, value in zip(self.names, slots, strict=True):
                tensors[f"{kind}/{name}"] = _copy(value)
        return MemberState(
            iteration=iteration, tensors=tensors, readings=torch.zeros(0, 5).double()
        )

    @torch.no_grad()
    def restore(self, state: MemberState) -> None:
        """Go on from a state."""
        for name, value in self.module.state_dict().items():
            # In place: the optimizer and a captured graph hold this very tensor.
            value.copy_(state.tensors[f"weights/{name}"])
        for kind, slots in self.optimizer.slots.items():
            for name, value in zip(self.names, slots, strict=True):
                value.copy_(state.tensors[f"{kind}/{name}"])
        # Its own steps: a rewound member's optimizer begins at the member's start, not at 0.
        self.optimizer.begin(state.iteration - self.member.start)


@register_backend("plain")
class Plain:
    """Train each member of a group by itself, one after the other."""

    name: ClassVar[str]
    one_by_one: ClassVar[bool] = True
    smooths_labels: ClassVar[bool] = True
    mixes: ClassVar[bool] = True
    lane: ClassVar[type[Lane]] = Lane

    def __init__(
        self,
        architecture: Architecture,
        data: DataSet,
        training: TrainingSpec,
        members: Sequence[Member],
    ) -> None:
        self.iteration = members[0].start
        self.lanes = [self.lane(architecture, data, training, member) for member in members]

    @staticmethod
    def refusal(module: nn.Module, training: TrainingSpec, device: torch.device) -> str | None:
        """None: it trains everything."""
        del module, training, device
        return None

    def train(self, stop: int) -> None:
        """Bring every member to `stop`."""
        for lane in self.lanes:
            lane.train(self.iteration, stop)
        self.iteration = stop

    def evaluate(self, part: Part) -> Float64[Tensor, "members 2"]:
        """Mean loss and accuracy of every member, on the device."""
        return torch.stack([lane.evaluate(part) for lane in self.lanes])

    def weights(self) -> list[Weights]:
        """The present state dict of every member, copied to the CPU."""
        return [lane.weights() for lane in self.lanes]

    def states(self) -> list[MemberState]:
        """What each member needs to go on, copied to the CPU."""
        return [lane.state(self.iteration) for lane in self.lanes]

    def restore(self, states: Sequence[MemberState]) -> None:
        """Go on from what `states` gave, bit for bit."""
        self.iteration = states[0].iteration
        for lane, state in zip(self.lanes, states, strict=True):
            lane.restore(state)


def kept_random_state(device: torch.device) -> AbstractContextManager[None]:
    """A context after which the generators of the host and the device are as they were."""
    return torch.random.fork_rng([device] if device.type == "cuda" else [])


def _copy(value: Tensor) -> Tensor:
    return value.detach().to("cpu", copy=True).contiguous()
