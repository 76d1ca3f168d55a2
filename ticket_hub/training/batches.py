"""What a step sees: images and labels of every member, gathered on the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ticket_hub.data import Augmentation, DataSet, is_augmented, normalized
from ticket_hub.recipe import TrainingSpec
from ticket_hub.shapes import Float, Int64, Shaped
from ticket_hub.training.graphs import Rows
from ticket_hub.training.member import Member
from ticket_hub.training.order import Orders, epoch_of
from ticket_hub.training.pixels import floats, kept_floats
from ticket_hub.training.schedules import learning_rates

__all__ = ["Batches"]

RUN = 200
"""The most steps whose tables are made at once."""


class Batches:
    """The inputs and the learning rate of each step of a group, read at a common counter.

    Images that are augmented stay uint8 until then; others may be kept normalized.

    `load` begins a run of at most `RUN` steps; `advance` goes from one step to the next.
    """

    def __init__(self, data: DataSet, training: TrainingSpec, members: Sequence[Member]) -> None:
        self.data, self.training, self.members = data, training, members
        self.device = data.device
        self._rows = Rows(RUN, self.device)
        self._orders = Orders(members, training.batch_size, len(data.train))
        self._augment = Augmentation(
            data.spec, [(member.seed, member.level) for member in members], self.device
        )
        self._ready = floats(data.train, data) if kept_floats(data.train, data) else None

    def load(self, start: int, stop: int) -> int:
        """Prepare the steps from `start` on, at most to `stop`; their number is returned."""
        stop = min(stop, start + RUN)
        size, examples = self.training.batch_size, len(self.data.train)
        self._rows.load(
            order=self._orders.table(start, stop),
            lr=learning_rates(self.training, start, stop, self.device),
            epoch=torch.tensor([[epoch_of(at, size, examples)] for at in range(start, stop)]),
        )
        if self._ready is None and is_augmented(self.data.spec):
            order, epoch = self._rows.table("order"), self._rows.table("epoch")
            self._rows.derive("moves", self._augment.moves(order.long(), epoch.long()))
        return stop - start

    @property
    def lr(self) -> Float[Tensor, ""]:
        """The learning rate of this step."""
        return self._rows.row("lr")

    def inputs(
        self,
    ) -> tuple[
        Shaped[Tensor, "members batch channels height width"], Int64[Tensor, "members batch"]
    ]:
        """Images and labels of this step."""
        order = self._rows.row("order")
        chosen = order.flatten()
        labels = self.data.train.labels.index_select(0, chosen).view(order.shape)
        shape = (*order.shape, *self.data.train.inputs.shape[1:])
        if self._ready is not None:
            return self._ready.index_select(0, chosen).view(shape), labels
        images = self.data.train.inputs.index_select(0, chosen).view(shape)
        if is_augmented(self.data.spec):
            images = self._augment.move(images, self._rows.row("moves"))
        return normalized(images, self.data), labels

    def advance(self) -> None:
        """Go to the next step."""
        self._rows.advance()
