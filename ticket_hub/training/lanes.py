"""Lanes: members side by side, each as if alone, for networks that do not gain from a stack.

On a CPU a lane is a single-threaded worker process, and each member is a task of its own. On a
GPU a lane is a stream: the steps of all members are captured in one CUDA graph, in which they
may overlap. (The GPU's part has not run on a GPU yet; the tests marked `gpu` are ready for it.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ticket_hub.data import DataSet
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.backend import register_backend
from ticket_hub.training.graphs import Repeater
from ticket_hub.training.kinds import has_dropout
from ticket_hub.training.member import Member
from ticket_hub.training.plain import Plain
from ticket_hub.types import Architecture

__all__ = ["Lanes"]


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
        device = data.device
        self._streams: list[torch.cuda.Stream] = []
        if device.type == "cuda" and all(_draws_nothing(lane.module) for lane in self.lanes):
            self._streams = [torch.cuda.Stream(device) for _ in self.lanes]
        self._device, self._repeat = device, Repeater(self._step, device)

    def train(self, stop: int) -> None:
        """Bring every member to `stop`."""
        if not self._streams:
            super().train(stop)
            return
        for lane in self.lanes:
            lane.module.train()
        while self.iteration < stop:
            steps = [lane.batches.load(self.iteration, stop) for lane in self.lanes]
            self._repeat(steps[0])
            self.iteration += steps[0]

    def _step(self) -> None:
        """One step of every member, each on its stream; all have ended when this stream goes on."""
        here = torch.cuda.current_stream(self._device)
        for lane, stream in zip(self.lanes, self._streams, strict=True):
            stream.wait_stream(here)
            with torch.cuda.stream(stream):
                lane.step()
        for stream in self._streams:
            here.wait_stream(stream)


def _draws_nothing(module: nn.Module) -> bool:
    """Whether a step is known to draw no random numbers, whose seeds a graph could not change."""
    known = type(module).__module__.startswith("ticket_hub.networks")
    return known and not has_dropout(module)
