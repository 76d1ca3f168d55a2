"""The vmap backend: any network of fully connected layers, all members in one traced step."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional

from ticket_hub.data import DataSet
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.backend import register_backend
from ticket_hub.training.groups import FlatBackend, Group
from ticket_hub.training.kinds import has_dropout, network_kind
from ticket_hub.training.member import Member

__all__ = ["Vmapped"]


class _Traced(Group):
    """A group whose gradients come from autograd, vectorized over the members and traced once."""

    def prepare(self) -> None:
        """Trace the gradients for the shapes of the steps."""
        self.module.to(self.device)
        self._weights = self.layout.views(self.buffer)
        self._slopes = self.layout.views(self.gradients)
        # A trace is for one shape. All steps have it: the smaller batch at an epoch's end is
        # dropped.
        size = min(self.training.batch_size, len(self.data.train))
        members, channels = len(self.members), self.data.input_shape
        images = torch.zeros(members, size, *channels, device=self.device)
        labels = torch.zeros(members, size, dtype=torch.int64, device=self.device)
        run = functools.partial(_logits, self.module)
        # Not traced: the slices of an evaluation differ in size.
        self._outputs = vmap(run, in_dims=(0, None))

        smoothing = self.training.label_smoothing

        # It knows the module and not the group, which would keep itself alive.
        def loss(weights: dict[str, Tensor], pixels: Tensor, truth: Tensor) -> Tensor:
            """One member's loss on its own batch."""
            return functional.cross_entropy(run(weights, pixels), truth, label_smoothing=smoothing)

        self._traced = make_fx(vmap(grad(loss)))(self._weights, images, labels)

    def differentiate(self, images: Tensor, labels: Tensor) -> list[Tensor]:
        """The traced gradients, collected in the buffer and masked."""
        found = self._traced(self._weights, images, labels)
        for name, place in self._slopes.items():
            place.copy_(found[name])
        if self.mask is not None:
            self.gradients.mul_(self.mask)
        return self.pieces

    def logits(self, images: Tensor) -> Tensor:
        """Each member's logits of the same images."""
        logits: Tensor = self._outputs(self._weights, images)
        return logits


def _logits(module: nn.Module, weights: Mapping[str, Tensor], images: Tensor) -> Tensor:
    logits: Tensor = functional_call(module, dict(weights), (images,))
    return logits


@register_backend("vmap")
class Vmapped(FlatBackend):
    """Trains networks whose weights all lie in fully connected layers, such as a user's own MLP."""

    smooths_labels: ClassVar[bool] = True

    @staticmethod
    def refusal(module: nn.Module, training: TrainingSpec, device: torch.device) -> str | None:
        """Why it cannot train this, or None."""
        del device
        if network_kind(module, training.batch_size) not in {"linear", "small-lenet", "lenet"}:
            return "train layers that are not fully connected"
        if next(module.buffers(), None) is not None:
            return "train a network with statistics"
        if has_dropout(module):
            return "train with dropout"
        return "train in bf16" if training.precision == "bf16" else None

    def gather(
        self, module: nn.Module, data: DataSet, training: TrainingSpec, members: Sequence[Member]
    ) -> Sequence[Group]:
        """All members in one group."""
        return [_Traced(module, data, training, members)]
