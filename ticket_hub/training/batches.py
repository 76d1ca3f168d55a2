"""What a step sees: images and labels of every member, gathered on the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ticket_hub.data import Augmentation, DataSet, PackedImages, is_augmented, normalized
from ticket_hub.recipe import TrainingSpec
from ticket_hub.seeds import derive_seed
from ticket_hub.shapes import Float, Int64, Shaped
from ticket_hub.training.disk_batches import AHEAD, DiskBatches
from ticket_hub.training.graphs import Rows
from ticket_hub.training.member import Member
from ticket_hub.training.order import Orders, epoch_of
from ticket_hub.training.pixels import floats, kept_floats
from ticket_hub.training.schedules import learning_rates

__all__ = ["WHOLE", "Batches"]

RUN = 200
"""The most steps whose tables are made at once."""

WHOLE = slice(None)


class Batches:
    """The inputs and the learning rate of each step of a group, read at a common counter.

    Images that are augmented stay uint8 until then; others may be kept normalized.

    `load` begins a run of at most `RUN` steps. Before each step `feed` puts its inputs in place,
    where the host has a part in that; after it `advance` goes to the next.

    Args:
        share: the examples of each batch that are wanted; what they are, and what becomes of
            them, depends on no other.
    """

    def __init__(
        self,
        data: DataSet,
        training: TrainingSpec,
        members: Sequence[Member],
        share: slice = WHOLE,
    ) -> None:
        self._share = share
        self.data, self.training, self.members = data, training, members
        self.device = data.device
        self._rows = Rows(RUN, self.device)
        self._orders = Orders(members, training.batch_size, len(data.train))
        self._augment = Augmentation(
            data.spec, [(member.seed, member.level) for member in members], self.device
        )
        images = data.train.inputs
        self._pictures = (
            DiskBatches(images, data, members) if isinstance(images, PackedImages) else None
        )
        self._ready = floats(data.train, data) if kept_floats(data.train, data) else None

    def load(self, start: int, stop: int) -> int:
        """Prepare the steps from `start` on, at most to `stop`; their number is returned."""
        stop = min(stop, start + RUN)
        size, examples = self.training.batch_size, len(self.data.train)
        # Pictures on disk are begun for the next run, too, which nobody may ever train.
        ahead = 0 if self._pictures is None else min(AHEAD, self.training.iterations - stop)
        order = self._orders.table(start, stop + ahead)[:, :, self._share]
        epoch = torch.tensor([[epoch_of(at, size, examples)] for at in range(start, stop + ahead)])
        if self._pictures is not None:
            self._pictures.load(start, order, epoch)
        order, epoch = order[: stop - start], epoch[: stop - start]
        lr = learning_rates(self.training, start, stop, self.device)
        tables = {"order": order, "lr": lr, "epoch": epoch}
        if self.training.mixup:
            tables["share"] = mixing_shares(self.training, self.members, start, stop)
        self._rows.load(**tables)
        from_memory = self._pictures is None and self._ready is None
        if from_memory and is_augmented(self.data.spec):
            order, epoch = self._rows.table("order"), self._rows.table("epoch")
            _, height, width = self.data.input_shape
            # Made where the tables lie, from 32 bits each: nothing more has to be copied to the
            # device.
            self._rows.derive(
                "moves", self._augment.moves(order.long(), epoch.long(), (height, width))
            )
        return stop - start

    @property
    def lr(self) -> Float[Tensor, ""]:
        """The learning rate of this step."""
        return self._rows.row("lr")

    def feed(self) -> None:
        """Put what comes from the host in place for this step, without waiting for the device."""
        if self._pictures is not None:
            self._pictures.feed()

    def inputs(
        self,
    ) -> tuple[
        Shaped[Tensor, "members batch channels height width"], Int64[Tensor, "members batch"]
    ]:
        """Images and labels of this step."""
        order = self._rows.row("order")
        chosen = order.flatten()
        labels = self.data.train.labels.index_select(0, chosen).view(order.shape)
        if self._pictures is not None:
            return normalized(self._pictures.inputs(len(order)), self.data), labels
        shape = (*order.shape, *self.data.train.inputs.shape[1:])
        if self._ready is not None:
            return self._ready.index_select(0, chosen).view(shape), labels
        images = self.data.train.inputs.index_select(0, chosen).view(shape)
        if is_augmented(self.data.spec):
            images = self._augment.move(images, self._rows.row("moves"))
        return normalized(images, self.data), labels

    def mixed(
        self,
        images: Float[Tensor, "members batch channels height width"],
        labels: Int64[Tensor, "members batch"],
    ) -> tuple[
        Float[Tensor, "members batch channels height width"],
        Float[Tensor, " members"],
        Int64[Tensor, "members batch"],
    ]:
        """This step's inputs mixed by `training.mixup`: images, shares, and the others' labels.

        The loss is `share` times that of an example's own label, and the rest that of the other
        one's. Two neighbours are mixed with each other, and the last of an odd number with itself:
        batches are in random order, and neighbours stay together where processes share a batch.
        """
        share = self._rows.row("share")
        places = torch.arange(labels.shape[1], device=self.device)
        others = (places ^ 1).clamp_max_(len(places) - 1)
        own = share[:, None, None, None, None]
        return own * images + (1 - own) * images[:, others], share, labels[:, others]

    def advance(self) -> None:
        """Go to the next step."""
        self._rows.advance()


def mixing_shares(
    training: TrainingSpec, members: Sequence[Member], start: int, stop: int
) -> Float[Tensor, "steps members"]:
    """What an example keeps of itself in each step, by (seed, level, iteration)."""
    return torch.tensor(
        [
            [
                np.random.default_rng(
                    derive_seed(member.seed, "mixup", member.level, iteration)
                ).beta(training.mixup, training.mixup)
                for member in members
            ]
            for iteration in range(start, stop)
        ],
        dtype=torch.float32,
    )
