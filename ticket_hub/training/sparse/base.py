"""What both sparse backends share: members one after another, states, evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ticket_hub.data import DataSet, Part
from ticket_hub.data.augmentation import Augmentation, is_augmented
from ticket_hub.errors import DataError
from ticket_hub.pruning.masks import check_alignment
from ticket_hub.recipe import TrainingSpec
from ticket_hub.shapes import Float64
from ticket_hub.training.member import Member, MemberState
from ticket_hub.training.optimizers import slot_names
from ticket_hub.training.order import Orders, epoch_of
from ticket_hub.training.sparse.survivors import SparseLayers
from ticket_hub.types import Architecture, Weights

__all__ = ["SparseBackend", "SparseMember", "StepExamples"]


class StepExamples(NamedTuple):
    """What some steps see.

    Shapes:
        `images`: uint8 `(examples, pixels)`; `labels`: int64 `(examples,)`;
        `order`: int64 `(steps, batch)`, places in both.
    """

    images: Tensor
    labels: Tensor
    order: Tensor


class SparseMember:
    """One member: its survivors, and the flat vectors that training changes.

    Attributes:
        flat: float32 `(survivors + biases,)`.
        slots: state of the optimizer, by the names of `MemberState`, each like `flat`.
        augment: moves and mirrors its training images.
        orders: in which it sees them.
    """

    def __init__(
        self, architecture: Architecture, data: DataSet, training: TrainingSpec, member: Member
    ) -> None:
        check_alignment(member.weights, member.mask)
        self.member = member
        self.survivors = SparseLayers.of(architecture, member.mask)
        self.flat = self.survivors.pack(member.weights)
        self.slots = {name: torch.zeros_like(self.flat) for name in slot_names(training)}
        stream = (member.seed, member.level)
        self.augment = Augmentation(data.spec, [stream], data.device)
        self.orders = Orders([member], training.batch_size, len(data.train))


class SparseBackend(ABC):
    """Train each member of a group by itself, over its survivors alone."""

    name: ClassVar[str]
    one_by_one: ClassVar[bool] = False
    chunk: ClassVar[int]

    def __init__(
        self,
        architecture: Architecture,
        data: DataSet,
        training: TrainingSpec,
        members: Sequence[Member],
    ) -> None:
        """Raise DataError where a label is not a class of the network."""
        # Compiled code writes at the label's place without a check: a wrong one would be past its
        # memory.
        for part in (data.train, data.validation, data.test):
            _check_labels(part, architecture.classes)
        self.data, self.training = data, training
        self._images = data.train.inputs.flatten(1).contiguous()
        self.iteration = members[0].start
        self.trials = [SparseMember(architecture, data, training, member) for member in members]

    @abstractmethod
    def _advance(self, index: int, batches: StepExamples, start: int) -> None:
        """Take the steps from iteration `start` with one member."""

    @abstractmethod
    def _read(self, index: int, part: Part) -> Float64[Tensor, 2]:
        """Summed cross-entropy and number of hits of one member."""

    def train(self, stop: int) -> None:
        """Bring every member from the present iteration to `stop`."""
        for index, trial in enumerate(self.trials):
            start = self.iteration
            while start < stop:
                batches = self._batches(trial, start, min(start + self.chunk, stop))
                self._advance(index, batches, start)
                start += len(batches.order)
        self.iteration = max(self.iteration, stop)

    def _batches(self, trial: SparseMember, start: int, stop: int) -> StepExamples:
        """What the steps from `start` on see; to the end of the epoch, if that is before `stop`."""
        train, batch = self.data.train, self.training.batch_size
        epoch = epoch_of(start, batch, len(train))
        # Augmentation is drawn for one epoch at a time.
        stop = min(stop, (epoch + 1) * (len(train) // min(batch, len(train))))
        order = trial.orders.table(start, stop)[:, 0]
        if not is_augmented(self.data.spec):
            return StepExamples(self._images, train.labels, order)
        chosen = order.flatten()
        images = trial.augment(train.inputs[chosen].unsqueeze(0), chosen.unsqueeze(0), epoch)
        rows = images[0].flatten(1)
        return StepExamples(rows, train.labels[chosen], torch.arange(len(chosen)).view(order.shape))

    def evaluate(self, part: Part) -> Float64[Tensor, "members 2"]:
        """Mean cross-entropy and accuracy of every member."""
        sums = [self._read(index, part) for index in range(len(self.trials))]
        return torch.stack(sums) / len(part)

    def weights(self) -> list[Weights]:
        """The present state dict of every member."""
        return [trial.survivors.unpack(trial.flat) for trial in self.trials]

    def states(self) -> list[MemberState]:
        """What each member needs to go on."""
        return [self._state(trial) for trial in self.trials]

    def _state(self, trial: SparseMember) -> MemberState:
        flats = {"weights": trial.flat, **trial.slots}
        tensors = {
            f"{kind}/{name}": dense
            for kind, flat in flats.items()
            for name, dense in trial.survivors.unpack(flat).items()
        }
        readings = torch.empty(0, 5, dtype=torch.float64)
        return MemberState(iteration=self.iteration, tensors=tensors, readings=readings)

    def restore(self, states: Sequence[MemberState]) -> None:
        """Go on from what `states` gave, bit for bit."""
        for trial, state in zip(self.trials, states, strict=True):
            for kind, flat in {"weights": trial.flat, **trial.slots}.items():
                flat.copy_(trial.survivors.pack(state.tensors, f"{kind}/"))
        self.iteration = states[0].iteration


def _check_labels(part: Part, classes: int) -> None:
    if len(part) and not 0 <= int(part.labels.min()) <= int(part.labels.max()) < classes:
        raise DataError(
            f"The data has the label {int(part.labels.max())}, but the network {classes} classes.",
            "Use a network with as many classes as the data set.",
        )
