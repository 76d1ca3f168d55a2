"""Graphs of pretended CUDA devices: what is captured goes on a tape, and each replay does it again.

Its effects are undone when the capture ends, and a replay works over the same memory. So what the
host bakes into a graph (a counter, a learning rate, a fresh tensor) gives other values than on a
CPU, as it would on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tests.helpers.pretended_streams import Stream
from tests.helpers.pretended_tensors import Call, called, pointer

if TYPE_CHECKING:
    from tests.helpers.pretended_cuda import PretendedCuda

__all__ = ["Graph", "GraphFacts"]


@dataclass
class GraphFacts:
    """What is known of a graph, also when it is gone.

    Attributes:
        nodes: operations on its tape, which are launches of a GPU.
        replays: how often it was replayed.
    """

    nodes: int = 0
    replays: int = 0


class Graph:
    """What was done while it was captured, once for each replay.

    Attributes:
        streams: that take part in the capture, the first of which began it.
        pool: where its memory is taken from.
        is_invalid: whether something was done meanwhile that cannot be captured.
    """

    def __init__(self, cuda: PretendedCuda) -> None:
        self.cuda = cuda
        self.streams: list[Stream] = []
        self.facts = GraphFacts()
        self._tape: list[tuple[Call, Any, list[Tensor]]] = []
        self._made: set[int] = set()
        self.pool: tuple[object, ...] = ()
        self.is_invalid = False
        self._drawn: list[Tensor] = []
        self._before: dict[int, tuple[Tensor, Tensor]] = {}

    @property
    def draws(self) -> bool:
        """Whether it draws random numbers."""
        tag = torch.Tag.nondeterministic_seeded
        return any(tag in call.func.tags for call, _, _ in self._tape)

    def capture_begin(self, *pool: object, **options: object) -> None:
        """Put what the current stream is given on the tape."""
        del options
        self.pool = pool
        self.cuda.underway.add(pool)
        self.cuda.graphs.append(self.facts)
        self.cuda.capturing = self
        self.streams = [self.cuda.stream()]
        self.streams[0].graph = self
        self._drawn = [generator.get_state() for generator in self.cuda.generators]

    def capture_end(self) -> None:
        """Undo what was done.

        Where that fails, torch's allocator and generator are left as during a capture.

        Raises:
            RuntimeError: a stream that took part was not waited for, or something was done that
                cannot be captured.
        """
        first, *others = self.streams
        joined = all(first.covers(other.number, other.seen[other.number]) for other in others)
        for stream in self.streams:
            stream.graph = None
            self.cuda.host.merge(stream)
        self.cuda.capturing = None
        for whole, before in self._before.values():
            whole.copy_(before)
        self._before = {}
        for generator, state in zip(self.cuda.generators, self._drawn, strict=True):
            generator.set_state(state)
        index = first.device.index
        self.cuda.stuck.add(index)
        if self.is_invalid:
            raise RuntimeError("CUDA error: operation failed due to a previous error")
        if not joined:
            raise RuntimeError("CUDA error: capturing stream has unjoined work")
        self.cuda.underway.discard(self.pool)
        self.cuda.stuck.discard(index)

    def note(self, call: Call, results: list[Tensor]) -> None:
        """One more operation; what it gave lies where each replay puts it."""
        self._made |= {pointer(value) for value in results}
        self.facts.nodes += 1
        self._tape.append((call, call.constants(), results))

    def keep(self, values: list[Tensor]) -> None:
        """Remember tensors as they were, before the capture changes them."""
        for value in values:
            place = pointer(value)
            if place not in self._made and place not in self._before:
                whole = torch.empty(0, dtype=torch.uint8).set_(value.untyped_storage())
                self._before[place] = (whole, whole.clone())

    def replay(self) -> None:
        """Do all of it once, on the current stream."""
        stream = self.cuda.stream()
        self.cuda.refuse_to_draw_if_stuck(stream.device)
        outside = [
            [value for value in values if pointer(value) not in self._made]
            for values in (
                [value for call, _, _ in self._tape for value in call.read],
                [value for call, _, _ in self._tape for value in call.written],
            )
        ]
        # The seed lies in one place for all graphs of a device, which a replay writes and reads.
        seed = [self.cuda.seeds[stream.device.index]] if self.draws else []
        self.cuda.memory.access(stream, outside[0] + seed, outside[1] + seed)
        self.facts.replays += 1
        with torch._C._AutoDispatchBelowAutograd():
            for call, (args, kwargs), results in self._tape:
                with self.cuda.drawing(call):
                    again = call.func(*args, **kwargs)
                for place, value in zip(results, called(again), strict=bool(results)):
                    place.copy_(value)

    def refuse(self, what: str) -> None:
        """As CUDA refuses what cannot be captured; the capture is lost.

        Raises:
            RuntimeError: always.
        """
        self.is_invalid = True
        raise RuntimeError(f"CUDA error: operation not permitted when capturing ({what})")
