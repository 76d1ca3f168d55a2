"""Streams and events of pretended CUDA devices: who has to wait for whom, and who did not.

Nothing here runs at the same time. But each stream counts its operations, and knows up to which
count of every other stream it has waited; so an access to memory that another stream may still be
working on is found, and so is pinned memory that the host overwrites too early.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from tests.helpers.pretended_tensors import pointer

if TYPE_CHECKING:
    from tests.helpers.pretended_graphs import Graph

__all__ = ["Event", "Host", "Memory", "Stream"]


class Clock:
    """Whom somebody has waited for: stream -> the last of its operations that is surely over."""

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}

    def merge(self, other: Clock) -> None:
        """Wait for all that the other has waited for."""
        for stream, tick in other.seen.items():
            self.seen[stream] = max(tick, self.seen.get(stream, 0))

    def covers(self, stream: int, tick: int) -> bool:
        """Whether that operation is surely over."""
        return self.seen.get(stream, 0) >= tick


class Host(Clock):
    """The host, and the memory that it may write again once it has waited."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory(self)

    def merge(self, other: Clock) -> None:
        """Wait, and look at what was copied until now."""
        super().merge(other)
        self.memory.check_flying()


class Stream(Clock):
    """A stream of a device.

    Attributes:
        graph: the capture that it takes part in, if any.
    """

    made = 0

    def __init__(self, device: torch.device, host: Host) -> None:
        super().__init__()
        Stream.made += 1
        self.device, self.host, self.number = device, host, Stream.made
        self.graph: Graph | None = None

    def begin(self) -> int:
        """One more operation, after all that the host has waited for; its count."""
        self.merge(self.host)
        self.seen[self.number] = self.seen.get(self.number, 0) + 1
        return self.seen[self.number]

    def wait_stream(self, other: Stream) -> None:
        """Wait for all that the other has been given; a capture spreads to those who wait for it.

        Raises:
            RuntimeError: a stream under capture waits for one that is not.
        """
        if self.graph is None and other.graph is not None:
            self.graph = other.graph
            self.graph.streams.append(self)
        elif self.graph is not None and other.graph is not self.graph:
            raise RuntimeError("CUDA error: dependency created on uncaptured work")
        self.merge(other)

    def wait_event(self, event: Event) -> None:
        """Wait for what was recorded."""
        self.merge(event)

    def record_event(self, event: Event | None = None) -> Event:
        """An event behind all that it has been given."""
        event = event or Event(self.host)
        event.record(self)
        return event

    def synchronize(self) -> None:
        """Let the host wait."""
        self.host.merge(self)


class Event(Clock):
    """A place in a stream.

    Args:
        blocking: the host sleeps when it waits for it, instead of keeping a core busy.
    """

    def __init__(self, host: Host, *, blocking: bool = False) -> None:
        super().__init__()
        self.host, self.blocking = host, blocking

    def record(self, stream: Stream) -> None:
        """Here."""
        self.seen = dict(stream.seen)

    def synchronize(self) -> None:
        """Let the host wait until everything before it is over.

        Raises:
            AssertionError: it would spin meanwhile.
        """
        assert self.blocking, "the host keeps a core busy while it waits for this event"
        self.host.merge(self)


@dataclass
class Record:
    """What is known of one piece of the devices' memory."""

    alive: StorageWeakRef
    device: torch.device
    bytes: int
    wrote: tuple[int, int] = (0, 0)
    read: dict[int, int] = field(default_factory=dict)


class Memory:
    """All memory of the devices: its accesses in order, and copies out of pinned memory.

    Attributes:
        pinned: pieces of the host's memory that the devices read by themselves.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.pinned: dict[int, StorageWeakRef] = {}
        self._records: dict[int, Record] = {}
        self._flying: list[tuple[Tensor, Tensor, int, int]] = []

    def record(self, value: Tensor, device: torch.device) -> Record:
        """What is known of a tensor's memory, which may be new."""
        place = pointer(value)
        known = self._records.get(place)
        if known is None or known.alive.expired():
            storage = value.untyped_storage()
            known = Record(StorageWeakRef(storage), device, storage.nbytes())
            self._records[place] = known
        return known

    def access(self, stream: Stream, read: list[Tensor], written: list[Tensor]) -> int:
        """Note one operation of a stream; its count.

        Raises:
            AssertionError: another stream may still be at work on what it needs.
        """
        tick = stream.begin()
        for value in read:
            known = self.record(value, stream.device)
            assert stream.covers(*known.wrote), f"{value.shape} is read before it is written"
            known.read[stream.number] = tick
        for value in written:
            known = self.record(value, stream.device)
            assert stream.covers(*known.wrote), f"{value.shape} is written by two streams"
            for reader, when in known.read.items():
                assert stream.covers(reader, when), f"{value.shape} is written while it is read"
            known.wrote, known.read = (stream.number, tick), {}
        return tick

    def live_bytes(self, device: torch.device) -> int:
        """Bytes of a device that are in use."""
        self._records = {
            place: known for place, known in self._records.items() if not known.alive.expired()
        }
        return sum(known.bytes for known in self._records.values() if known.device == device)

    def pin(self, value: Tensor) -> Tensor:
        """The same values in pinned memory."""
        made = value.clone()
        self.pinned[pointer(made)] = StorageWeakRef(made.untyped_storage())
        return made

    def is_pinned(self, value: Tensor) -> bool:
        """Whether a device may copy it by itself."""
        known = self.pinned.get(pointer(value))
        return known is not None and not known.expired()

    def fly(self, value: Tensor, stream: Stream, tick: int) -> None:
        """A copy out of pinned memory has been ordered; it may happen at any time until then."""
        self.check_flying()
        self._flying.append((value, value.clone(), stream.number, tick))

    def check_flying(self, *, ended: bool = False) -> None:
        """Look whether pinned memory has kept what its copies were to take.

        Raises:
            AssertionError: the host has written over it without waiting for the copy.
        """
        for value, expected, _, _ in self._flying:
            assert torch.equal(value, expected), "pinned memory was overwritten while in flight"
        self._flying = [
            entry for entry in self._flying if not ended and not self.host.covers(*entry[2:])
        ]
