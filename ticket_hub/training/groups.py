"""Members in one flat buffer, trained in lockstep; what `stack` and `vmap` share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ticket_hub.data import DataSet, Part
from ticket_hub.networks import build
from ticket_hub.recipe import TrainingSpec
from ticket_hub.shapes import Float64
from ticket_hub.training.batches import Batches
from ticket_hub.training.flat import PADDING, Layout
from ticket_hub.training.graphs import Repeater
from ticket_hub.training.member import Member, MemberState
from ticket_hub.training.optimizers import make_optimizer, slot_names
from ticket_hub.training.pixels import floats
from ticket_hub.training.readings import read_logits
from ticket_hub.types import Architecture, Weights

__all__ = ["FlatBackend", "Group"]

MIN_PIECE, MAX_PIECES = 8192, 30
"""Of a buffer for a fused optimizer on a GPU; not yet measured."""


class Group(ABC):
    """Some members whose steps are computed together.

    Attributes:
        buffer: the weights, as `layout` says.
        gradients: laid out like them; 0 in the padding. `pieces` are its `tensors`.
        mask: 1 where a weight is kept, else 0; None where everything is.
        slots: what the optimizer keeps, by its name, laid out like the weights.
    """

    def __init__(
        self, module: nn.Module, data: DataSet, training: TrainingSpec, members: Sequence[Member]
    ) -> None:
        self.data, self.training, self.members = data, training, members
        self.module = module
        self.layout = Layout(module, len(members))
        self.device = data.device
        self.buffer = self.layout.weights(members, self.device)
        self.gradients = torch.zeros_like(self.buffer)
        self.mask = self.layout.masks(members, self.device)
        self.prepare()
        self.slots = {name: torch.zeros_like(self.buffer) for name in slot_names(training)}
        self.optimizer = make_optimizer(
            training,
            self.tensors(self.buffer),
            {name: self.tensors(slot) for name, slot in self.slots.items()},
        )
        self.pieces = self.tensors(self.gradients)
        self._batches = Batches(data, training, members)
        self._repeat = Repeater(self.device)

    @abstractmethod
    def prepare(self) -> None:
        """Lay out what the steps need, once buffer, gradients and mask are there."""

    @abstractmethod
    def differentiate(self, images: Tensor, labels: Tensor) -> list[Tensor]:
        """Gradients of each member's mean loss, masked, one for each of `tensors`.

        Shapes:
            `images`: `(members, batch, channels, height, width)`; `labels`: `(members, batch)`.
        """

    @abstractmethod
    def logits(self, images: Tensor) -> Tensor:
        """`(examples, channels, height, width)` -> `(members, examples, classes)`."""

    def tensors(self, buffer: Tensor) -> list[Tensor]:
        """A buffer, `(size,)`, as the optimizer sees it: on a CPU as one tensor.

        CUDA's fused kernels give a block of threads 65,536 values of a tensor, and take some 30
        tensors at once: a small buffer is handed out in as many pieces, to reach more of the GPU.
        """
        if self.device.type == "cpu":
            return [buffer]
        piece = max(MIN_PIECE, -(-len(buffer) // MAX_PIECES))
        return list(buffer.split(-(-piece // PADDING) * PADDING))

    def train(self, start: int, stop: int) -> None:
        """Do the steps from `start` to `stop`."""
        # Gradients are worked out by hand or by a trace: autograd has nothing to record.
        with torch.inference_mode():
            while start < stop:
                steps = self._batches.load(start, stop)
                self._repeat(self._step, steps, self._batches.feed)
                start += steps

    def _step(self) -> None:
        images, labels = self._batches.inputs()
        self.optimizer.step(self.differentiate(images, labels), self._batches.lr)
        self._batches.advance()

    @torch.inference_mode()
    def evaluate(self, part: Part) -> Float64[Tensor, "members 2"]:
        """Mean loss and accuracy of every member."""
        return read_logits(self.logits(floats(part, self.data)), part.labels)

    def states(self, iteration: int) -> Iterator[MemberState]:
        """What each member needs to go on."""
        kinds = {"weights": self.buffer, **self.slots}
        unpacked = {kind: self.layout.unpack(buffer) for kind, buffer in kinds.items()}
        for index in range(len(self.members)):
            tensors = {
                f"{kind}/{name}": value
                for kind, states in unpacked.items()
                for name, value in states[index].items()
            }
            yield MemberState(
                iteration=iteration, tensors=tensors, readings=torch.zeros(0, 5).double()
            )

    def restore(self, states: Sequence[MemberState]) -> None:
        """Go on from these states."""
        for kind, buffer in {"weights": self.buffer, **self.slots}.items():
            packed = [_of_kind(state.tensors, kind) for state in states]
            for name, view in self.layout.views(buffer).items():
                for place, tensors in zip(view, packed, strict=True):
                    place.copy_(tensors[name])


def _of_kind(tensors: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    prefix = f"{kind}/"
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


class FlatBackend(ABC):
    """A backend whose members lie in flat buffers, in one group or in several."""

    name: ClassVar[str]
    one_by_one: ClassVar[bool] = False

    def __init__(
        self,
        architecture: Architecture,
        data: DataSet,
        training: TrainingSpec,
        members: Sequence[Member],
    ) -> None:
        self.iteration = members[0].start
        self._start = members[0].start
        self._groups = self.gather(build(architecture), data, training, members)

    @abstractmethod
    def gather(
        self, module: nn.Module, data: DataSet, training: TrainingSpec, members: Sequence[Member]
    ) -> Sequence[Group]:
        """All members, in order, in groups whose steps are computed together."""

    def train(self, stop: int) -> None:
        """Bring every member to `stop`."""
        for group in self._groups:
            group.train(self.iteration, stop)
        self.iteration = stop

    def evaluate(self, part: Part) -> Float64[Tensor, "members 2"]:
        """Mean loss and accuracy of every member."""
        return torch.cat([group.evaluate(part) for group in self._groups])

    def weights(self) -> list[Weights]:
        """The present state dict of every member, copied to the CPU."""
        return [weights for group in self._groups for weights in group.layout.unpack(group.buffer)]

    def states(self) -> list[MemberState]:
        """What each member needs to go on, copied to the CPU."""
        return [state for group in self._groups for state in group.states(self.iteration)]

    def restore(self, states: Sequence[MemberState]) -> None:
        """Go on from what `states` gave, bit for bit."""
        self.iteration = states[0].iteration
        place = 0
        for group in self._groups:
            group.restore(states[place : place + len(group.members)])
            # The optimizer's own steps, which begin at the members' start.
            group.optimizer.begin(self.iteration - self._start)
            place += len(group.members)
