"""The stack: LeNet and its family as matrices, with a backward pass written by hand."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ticket_hub.data import DataSet
from ticket_hub.networks.lenet import LeNet
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.backend import register_backend
from ticket_hub.training.groups import FlatBackend, Group
from ticket_hub.training.kinds import has_dropout
from ticket_hub.training.linear import Alone, LinearLayer, Together, onednn_pays
from ticket_hub.training.member import Member

__all__ = ["Stack"]


def _layer_names(module: nn.Module) -> list[str]:
    """The fully connected layers in the order in which values pass them."""
    return [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]


class _Chain(Group):
    """Fully connected layers with ReLU between them, of all members at once."""

    layers: Sequence[LinearLayer]

    def prepare(self) -> None:
        """Lay each layer over its views of the buffers."""
        names = _layer_names(self.module)
        weights, gradients = self.layout.views(self.buffer), self.layout.views(self.gradients)
        self.layers = [
            Together(
                weights[f"{name}.weight"],
                weights[f"{name}.bias"],
                (gradients[f"{name}.weight"], gradients[f"{name}.bias"]),
                relu=name != names[-1],
            )
            for name in names
        ]

    def logits(self, images: Tensor) -> Tensor:
        """Each member's logits of the same images."""
        # A view: all members read the same images.
        return self._forward(images.flatten(1).expand(len(self.members), -1, -1))[-1]

    def differentiate(self, images: Tensor, labels: Tensor) -> list[Tensor]:
        """Forward and backward; all gradients are masked by one product."""
        self._backward(images.flatten(2), labels)
        if self.mask is not None:
            self.gradients.mul_(self.mask)
        return self.pieces

    def _forward(self, images: Tensor) -> list[Tensor]:
        """The images and the values of each layer."""
        values = [images]
        for layer in self.layers:
            values.append(layer.forward(values[-1]))
        return values

    def _backward(self, images: Tensor, labels: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Gradients of each layer's weight and bias, the last layer first."""
        values = self._forward(images)
        delta = _slope(values.pop(), labels)
        found = []
        for index in reversed(range(len(self.layers))):
            layer, x = self.layers[index], values[index]
            found.append(layer.backward(delta, x))
            # Nobody asks for the gradient of the images, which would be the largest product of all.
            if index:
                delta = layer.below(delta, x)
        return found


class _Single(_Chain):
    """The same of one member, each layer's gradient a tensor of its own."""

    def prepare(self) -> None:
        """Lay each layer over its views of the buffer."""
        names = _layer_names(self.module)
        views = {name: view[0] for name, view in self.layout.views(self.buffer).items()}
        self.layers = [
            Alone(views[f"{name}.weight"], views[f"{name}.bias"], relu=name != names[-1])
            for name in names
        ]
        self._masks = self._dropping()

    def _dropping(self) -> list[Tensor | None]:
        """The mask of each tensor of `tensors`, None where it drops nothing."""
        if self.mask is None:
            return [None] * (2 * len(self.layers))
        # A product with nothing but ones is a pass through memory for nothing.
        return [None if bool(keep.all()) else keep for keep in self.tensors(self.mask)]

    def logits(self, images: Tensor) -> Tensor:
        """The member's logits."""
        return self._forward(images.flatten(1))[-1].unsqueeze(0)

    def tensors(self, buffer: Tensor) -> list[Tensor]:
        """Each layer's weight and bias, as views."""
        views = self.layout.views(buffer)
        return [
            views[f"{name}.{kind}"][0]
            for name in _layer_names(self.module)
            for kind in ("weight", "bias")
        ]

    def differentiate(self, images: Tensor, labels: Tensor) -> list[Tensor]:
        """Forward and backward; each layer's gradient is masked while it is in the cache."""
        pairs = reversed(self._backward(images[0].flatten(1), labels[0]))
        gradients = [gradient for pair in pairs for gradient in pair]
        for gradient, mask in zip(gradients, self._masks, strict=True):
            if mask is not None:
                gradient.mul_(mask)
        return gradients


def _slope(logits: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the mean cross-entropy with respect to the logits: softmax minus truth."""
    # five times as fast as torch.softmax on a CPU where there are few classes
    # Less the largest logit, which changes no softmax: no power can overflow.
    delta = torch.exp(logits - logits.amax(-1, keepdim=True))
    delta.div_(delta.sum(-1, keepdim=True))
    truth = labels.unsqueeze(-1)
    delta.scatter_add_(-1, truth, delta.new_full((1,), -1.0).expand_as(truth))
    return delta.mul_(1 / labels.shape[-1])


@register_backend("stack")
class Stack(FlatBackend):
    """Trains LeNets without dropout.

    On a CPU, layers that are large enough are computed member by member, each member's weights
    staying in the cache for many steps; small ones, and all on a GPU, for all members at once.
    Which of the two depends on the shape of the network alone.
    """

    @staticmethod
    def refusal(module: nn.Module, training: TrainingSpec, device: torch.device) -> str | None:
        """Why it cannot train this, or None."""
        del device
        if not isinstance(module, LeNet):
            return "train anything but the LeNet family"
        if has_dropout(module):
            return "train with dropout"
        return "train in bf16" if training.precision == "bf16" else None

    def gather(
        self, module: nn.Module, data: DataSet, training: TrainingSpec, members: Sequence[Member]
    ) -> Sequence[Group]:
        """One group for each member where that is faster, else one of all."""
        shapes = [part.weight.shape for part in module.modules() if isinstance(part, nn.Linear)]
        if data.device.type == "cpu" and any(
            onednn_pays(training.batch_size, *shape) for shape in shapes
        ):
            return [_Single(module, data, training, [member]) for member in members]
        return [_Chain(module, data, training, members)]
