"""Training pictures that lie on disk, on their way into a step: decoded and uploaded ahead.

Threads decode the pictures of some steps ahead, past the end of a run of steps. On CUDA they
decode into pinned memory, a stream of its own uploads the next step's pixels while the present
one is computed, and each step finds them in the same place, so that it can be a graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ticket_hub.data import Augmentation, DataSet, PackedImages, is_augmented
from ticket_hub.data.picture_decoding import Decoding
from ticket_hub.shapes import Int64, Shaped
from ticket_hub.training.member import Member

__all__ = ["AHEAD", "DEVICE_BUFFERS", "DiskBatches"]

AHEAD = 4
"""Steps whose pictures are decoded while another is trained."""

SLOTS = AHEAD + 2
"""Pinned buffers: of steps that are decoded, and of two that may still be uploaded."""


DEVICE_BUFFERS = 3
"""On CUDA: two that pictures are uploaded to in turn, and the one that steps read."""


class DiskBatches:
    """The pictures of each step, cut, mirrored and coloured by their own draws.

    What is drawn is what would be drawn of pixels in memory; a window of random size is cut out of
    the whole picture, which may be larger than what the network takes.

    `load` says which steps come; before each, `feed` puts its pictures where `inputs` finds them.

    Args:
        images: of the training part.
    """

    def __init__(self, images: PackedImages, data: DataSet, members: Sequence[Member]) -> None:
        streams = [(member.seed, member.level) for member in members]
        self._images, self._spec, self._device = images, data.spec, data.device
        self._draw = Augmentation(data.spec, streams, "cpu")
        self._augment = Augmentation(data.spec, streams, data.device)
        self._is_cut = data.spec.crop == "resized" and not images.is_uniform
        self._uploads = _Uploads(data.device) if data.device.type == "cuda" else None
        self._begun: dict[int, _Step] = {}
        self._next = self._first = 0
        self._order = torch.empty(0)
        self._moves: Tensor | None = None
        self._now: list[Tensor] = []

    def load(
        self,
        start: int,
        order: Int64[Tensor, "steps members batch"],
        epoch: Int64[Tensor, "steps members"],
    ) -> None:
        """Say which examples the steps from `start` on see, with some of the next run.

        What has been begun for them goes on, as it depends on nothing but the step.
        """
        self._first = self._next = start
        self._order = order
        if is_augmented(self._spec):
            self._moves = self._draw.moves(order, epoch, self._images.sizes(order))
        stale = [at for at in self._begun if not start <= at < start + len(order)]
        for at in stale:
            self._begun.pop(at).result()  # so that nobody writes to its buffers any more

    def feed(self) -> None:
        """Put the next step's pictures in place; on CUDA, where the current stream needs them."""
        end = min(self._next + AHEAD, self._first + len(self._order))
        for at in range(self._next, end):
            if at not in self._begun:
                self._begun[at] = self._begin(at)
        step = self._begun.pop(self._next)
        self._next += 1
        ready = step.result()
        self._now = ready if self._uploads is None else self._uploads.send(step.at, ready)

    def inputs(self, members: int) -> Shaped[Tensor, "members batch channels height width"]:
        """The pixels of the step that was fed, augmented, on the device."""
        pixels, *drawn = self._now
        images = pixels.unflatten(0, (members, -1))
        return self._augment.move(images, drawn[0], is_cut=self._is_cut) if drawn else images

    def _begin(self, at: int) -> _Step:
        rows = self._order[at - self._first]
        moves = None if self._moves is None else self._moves[at - self._first]
        windows = moves[..., 1:5].flatten(0, 1) if self._is_cut and moves is not None else None
        drawn = [] if moves is None else [moves]
        goal = None
        if self._uploads is not None:
            goal, *buffers = self._uploads.buffers(
                at, (rows.numel(), *self._images.shape[1:]), drawn
            )
            drawn = [buffer.copy_(values) for buffer, values in zip(buffers, drawn, strict=True)]
        return _Step(at, self._images.begin(rows.flatten(), windows, goal), drawn)


@dataclass(frozen=True)
class _Step:
    """One step's pictures, and what was drawn for them, on the CPU."""

    at: int
    decoding: Decoding
    drawn: list[Tensor]

    def result(self) -> list[Tensor]:
        """The pixels, once all are decoded, and what was drawn."""
        return [self.decoding.result(), *self.drawn]


class _Uploads:
    """A ring of pinned buffers, two places on the device in turn, and one where steps read.

    The upload of a step waits only until the step before the last has been given the place that
    it goes to, so that it overlaps with the step before; what remains in the steps' own stream is
    a copy within the device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._pinned: list[list[Tensor]] = []
        self._places: list[list[Tensor]] = []
        self._fixed: list[Tensor] = []
        self._sent = [torch.cuda.Event(blocking=True) for _ in range(SLOTS)]
        self._taken = [torch.cuda.Event() for _ in range(2)]

    def buffers(self, at: int, pixels: Sequence[int], drawn: Sequence[Tensor]) -> list[Tensor]:
        """Pinned memory for a step, whose last upload is over: for its pixels, and what was drawn.

        Args:
            pixels: the shape of the step's pixels.
        """
        if not self._pinned:
            like = [(pixels, torch.uint8), *((each.shape, each.dtype) for each in drawn)]

            def made(device: torch.device | None) -> list[Tensor]:
                """Buffers of a step; pinned on the host where there is no device."""
                pinned = device is None
                return [
                    torch.empty(shape, dtype=dtype, device=device, pin_memory=pinned)
                    for shape, dtype in like
                ]

            self._pinned = [made(None) for _ in range(SLOTS)]
            *self._places, self._fixed = [made(self._device) for _ in range(DEVICE_BUFFERS)]
            self._stream.wait_stream(torch.cuda.current_stream(self._device))
        self._sent[at % SLOTS].synchronize()
        return self._pinned[at % SLOTS]

    def send(self, at: int, ready: Sequence[Tensor]) -> list[Tensor]:
        """Upload a step's pictures, and let the current stream have them; always in one place."""
        place, sent, taken = self._places[at % 2], self._sent[at % SLOTS], self._taken[at % 2]
        self._stream.wait_event(taken)
        with torch.cuda.stream(self._stream):
            for goal, source in zip(place, ready, strict=True):
                goal.copy_(source, non_blocking=True)
            sent.record(self._stream)
        current = torch.cuda.current_stream(self._device)
        current.wait_event(sent)
        for goal, source in zip(self._fixed, place, strict=True):
            goal.copy_(source)
        taken.record(current)
        return self._fixed
