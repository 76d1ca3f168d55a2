"""The small backend: what a mask of units leaves is trained as a smaller network, not as zeros.

Only the training is small: weights, checkpoints and snapshots have the form of the whole network
and, up to rounding, the values that masked training gives them, those of removed units too (see
`removed`). What a step draws at random inside the network, as dropout does, is drawn for fewer
numbers, so it is not what the masked network would have drawn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from ticket_hub.data import DataSet
from ticket_hub.networks import build, outline
from ticket_hub.project import install_extra
from ticket_hub.pruning.masks import masked
from ticket_hub.recipe import TrainingSpec
from ticket_hub.structured.dependencies import can_follow
from ticket_hub.structured.small import build_small, left_of
from ticket_hub.training.backend import register_backend
from ticket_hub.training.lanes import Lanes
from ticket_hub.training.member import Member, MemberState
from ticket_hub.training.plain import Lane, kept_random_state
from ticket_hub.training.removed import Removed
from ticket_hub.types import Architecture, Weights

__all__ = ["Small"]


class SmallLane(Lane):
    """One member, of which the smaller network is trained."""

    def __init__(
        self, architecture: Architecture, data: DataSet, training: TrainingSpec, member: Member
    ) -> None:
        self.left = member.left or left_of(architecture, member.mask, fed=True)
        self.shapes = outline(architecture).shapes
        small = dataclasses.replace(
            member, weights=self.left.cut(member.weights), mask=self.left.cut(member.mask)
        )
        super().__init__(architecture, data, training, small)
        whole = build(architecture)
        whole.load_state_dict(masked(member.weights, member.mask))
        # It passes examples through the network, which may draw.
        with kept_random_state(self.device):
            self.removed = Removed(
                whole.to(self.device),
                self.module,
                left=self.left,
                mask=member.mask,
                training=training,
                input_shape=architecture.input_shape,
            )

    def _load(self, architecture: Architecture) -> nn.Module:
        weights = masked(self.member.weights, self.member.mask)
        return build_small(architecture, self.left, weights).to(self.device)

    def step(self) -> None:
        """One step at the present place of the inputs."""
        lr = self.batches.lr
        super().step()
        self.removed.step(lr)

    def weights(self) -> Weights:
        """The present state dict of the whole network, copied to the CPU."""
        return self._whole(super().weights(), self.removed.values)

    def state(self, iteration: int) -> MemberState:
        """What it needs to go on, in the form of the whole network."""
        tensors = {f"weights/{name}": value for name, value in self.weights().items()}
        for kind, slots in self.optimizer.slots.items():
            small = dict(zip(self.names, (slot.detach().cpu() for slot in slots), strict=True))
            whole = self._whole(small, self.removed.slots.get(kind, {}))
            tensors |= {f"{kind}/{name}": value for name, value in whole.items()}
        return MemberState(
            iteration=iteration, tensors=tensors, readings=torch.zeros(0, 5).double()
        )

    @torch.no_grad()
    def restore(self, state: MemberState) -> None:
        """Go on from a state, whatever backend it is of."""
        for kind, values in {"weights": self.removed.values, **self.removed.slots}.items():
            for name, value in values.items():
                value.copy_(self.removed.take(name, state.tensors[f"{kind}/{name}"]))
        small = {}
        for path, value in state.tensors.items():
            kind, _, name = path.partition("/")
            small[path] = self.left.cut({name: value})[name]
        super().restore(dataclasses.replace(state, tensors=small))
        self.removed.begin(state.iteration - self.member.start)

    def _whole(self, small: Weights, removed: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors in the form of the whole network, 0 where the mask drops."""
        found = {}
        for name, value in small.items():
            if name not in self.left.kept:
                found[name] = value.clone(memory_format=torch.contiguous_format)
                continue
            whole = torch.zeros(self.shapes[name], dtype=value.dtype)
            whole[self.left.place(name, whole)] = value
            self.removed.fill(name, whole, removed)
            found[name] = whole
        return found


@register_backend("small")
class Small(Lanes):
    """Trains what a mask leaves of a network, as a smaller network; every member by itself."""

    lane: ClassVar[type[Lane]] = SmallLane

    @staticmethod
    def refusal(module: nn.Module, training: TrainingSpec, device: torch.device) -> str | None:
        """Why it cannot train this, or None."""
        del module, training, device
        if not can_follow():
            return f"train without torch-pruning (`{install_extra('structured')}`)"
        return None
