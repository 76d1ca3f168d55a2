"""Lanes: members side by side, each as if alone, for networks that do not gain from a stack.

On a CPU a lane is a single-threaded worker process, and each member is a task of its own. On a
GPU a lane is a stream with a CUDA graph of its member's step: members may overlap, and what a
step draws at random is seeded before each replay. (The GPU's part has not run on a GPU yet; the
tests marked `gpu` are ready for it.)
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ticket_hub.data import DataSet
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.backend import register_backend
from ticket_hub.training.graphs import Repeater
from ticket_hub.training.kinds import has_dropout
from ticket_hub.training.member import Member
from ticket_hub.training.plain import Plain, kept_random_state
from ticket_hub.types import Architecture

__all__ = ["Lanes"]

STREAMS = 32
"""PyTorch has so many streams for each device, and gives the same ones out again."""


@register_backend("lanes")
class Lanes(Plain):
    """Trains every network; meant for convolutions."""

    def __init__(
        self,
        architecture: Architecture,
        data: DataSet,
        training: TrainingSpec,
        members: Sequence[Member],
    ) -> None:
        super().__init__(architecture, data, training, members)
        self._device = data.device
        self._draws = not all(_draws_nothing(lane.module) for lane in self.lanes)
        self._repeats: list[Repeater] = []
        if self._device.type == "cuda":
            self._repeats = self._streams(
                captured=all(_is_known(lane.module) for lane in self.lanes)
            )

    def _streams(self, *, captured: bool) -> list[Repeater]:
        """One for each lane; those that draw random numbers share a stream.

        All graphs read their seed in the same place of the device, which the next may overwrite
        only when the one before has ended.
        """
        made: list[Repeater] = []
        for index in range(len(self.lanes)):
            shared = 0 if self._draws else index % STREAMS
            stream = made[shared].stream if shared < index else None
            made.append(Repeater(self._device, captured=captured, stream=stream))
        return made

    def train(self, stop: int) -> None:
        """Bring every member to `stop`."""
        if not self._repeats:
            super().train(stop)
            return
        for lane in self.lanes:
            # Reading has left it in evaluation mode.
            lane.module.train()
        while self.iteration < stop:
            for lane, repeat in zip(self.lanes, self._repeats, strict=True):
                steps = lane.batches.load(self.iteration, stop)
                # The tables of the run are written on the current stream; the lane's own waits for
                # them.
                repeat.fork()
            # Seeds are set for each step; a backend leaves the global generators as it found them.
            with kept_random_state(self._device):
                for iteration in range(self.iteration, self.iteration + steps):
                    self._step(iteration)
            for repeat in self._repeats:
                repeat.join()
            self.iteration += steps

    def _step(self, iteration: int) -> None:
        """Give each stream the next step of its member; none waits for another."""
        for lane, repeat in zip(self.lanes, self._repeats, strict=True):
            if self._draws:
                # What a step draws must follow from (seed, level, iteration), not from how many
                # replays came before.
                lane.seed(iteration)
            repeat.run(lane.step, 1, lane.batches.feed)


def _is_known(module: nn.Module) -> bool:
    """Whether a step is known to do the same on the host each time, so that a graph can do it.

    A network of the user's own may count its steps, or draw on the host, which a graph would
    repeat as it was.
    """
    return type(module).__module__.startswith(("ticket_hub.networks", "timm."))


def _draws_nothing(module: nn.Module) -> bool:
    """Whether a step is known to draw no random numbers."""
    return type(module).__module__.startswith("ticket_hub.networks") and not has_dropout(module)
