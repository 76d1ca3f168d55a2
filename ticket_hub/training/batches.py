"""What a step sees: images and labels of every member, gathered on the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ticket_hub.data import Augmentation, DataSet, PackedImages, ReadAhead, is_augmented, normalized
from ticket_hub.recipe import TrainingSpec
from ticket_hub.seeds import derive_seed
from ticket_hub.shapes import Float, Int64, Shaped
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

    `load` begins a run of at most `RUN` steps; `advance` goes from one step to the next.

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
            _Pictures(images, data, members) if isinstance(images, PackedImages) else None
        )
        self._ready = floats(data.train, data) if kept_floats(data.train, data) else None

    def load(self, start: int, stop: int) -> int:
        """Prepare the steps from `start` on, at most to `stop`; their number is returned."""
        stop = min(stop, start + RUN)
        size, examples = self.training.batch_size, len(self.data.train)
        order = self._orders.table(start, stop)[:, :, self._share]
        epoch = torch.tensor([[epoch_of(at, size, examples)] for at in range(start, stop)])
        lr = learning_rates(self.training, start, stop, self.device)
        tables = {"order": order, "lr": lr, "epoch": epoch}
        if self.training.mixup:
            tables["share"] = mixing_shares(self.training, self.members, start, stop)
        self._rows.load(**tables)
        if self._pictures is not None:
            self._pictures.load(order.long(), epoch)
            return stop - start
        if self._ready is None and is_augmented(self.data.spec):
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
            return normalized(self._pictures.next(order.shape), self.data), labels
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


class _Pictures:
    """Training pictures that lie on disk: decoded ahead, cut by their own draws.

    What is drawn is what would be drawn of pixels in memory; a window of random size is cut out of
    the whole picture, which may be larger than what the network takes.
    """

    def __init__(self, images: PackedImages, data: DataSet, members: Sequence[Member]) -> None:
        streams = [(member.seed, member.level) for member in members]
        self._images, self._spec, self._device = images, data.spec, data.device
        # The host draws, since it cuts windows while it decodes; pixels are moved on the device.
        self._draw = Augmentation(data.spec, streams, "cpu")
        self._augment = Augmentation(data.spec, streams, data.device)
        self._is_cut = data.spec.crop == "resized" and not images.is_uniform
        self._moves: Tensor | None = None
        self._place = 0

    def load(
        self, order: Int64[Tensor, "steps members batch"], epoch: Int64[Tensor, "steps members"]
    ) -> None:
        """Begin a run of steps."""
        rows, windows, self._place = order.flatten(1), None, 0
        if is_augmented(self._spec):
            self._moves = self._draw.moves(order, epoch, self._images.sizes(order))
            if self._is_cut:
                windows = self._moves[..., 1:5].flatten(1, 2)
        self._ahead = ReadAhead(self._images, rows, windows)

    def next(self, shape: Sequence[int]) -> Tensor:
        """The pixels of the next step, augmented, on the device."""
        read = next(self._ahead).to(self._device)
        images = read.view(*shape, *read.shape[1:])
        if self._moves is not None:
            moves = self._moves[self._place].to(self._device)
            images = self._augment.move(images, moves, is_cut=self._is_cut)
        self._place += 1
        return images
