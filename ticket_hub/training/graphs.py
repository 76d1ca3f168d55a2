"""Steps that repeat: tables read at a counter, and on CUDA one graph for the whole step.

On a CPU the counter is a number and the step is called again and again. On CUDA the counter lives
on the device, so that the same step, captured once as a graph, reads the next row each time it is
replayed; the host only launches. Both ways run the same step function.
"""

from __future__ import annotations

import functools
import logging
import random
from collections.abc import Callable

import torch
from torch import Tensor

from ticket_hub.errors import TrainingError

__all__ = ["Repeater", "Rows"]

WARM_UP = 3
"""Steps before a capture, in which libraries make their workspaces."""

_log = logging.getLogger("ticket_hub")


class Rows:
    """Tables with one row for each step of a run of steps, read at a common counter.

    The tables are written once per run into the same memory, which a graph may have captured.
    On CUDA they go there through two buffers of pinned memory in turn, so that the host never
    waits for a run that has not ended, unless it is two runs ahead.

    Args:
        length: the most steps that one run has.
    """

    def __init__(self, length: int, device: torch.device) -> None:
        self.length, self.device = length, device
        self._tables: dict[str, Tensor] = {}
        self._place = 0
        self._counter = torch.zeros(1, dtype=torch.int64, device=device)
        self._buffers: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
        self._copied: list[torch.cuda.Event] = []

    def load(self, **tables: Tensor) -> None:
        """Begin a run: `(steps, ...)` each, on the CPU, at most `length` steps.

        Whole numbers of 64 bits must fit into 32, as which CUDA gets them.
        """
        self._place = 0
        # On the current stream, which `Repeater.join` has let wait for the steps of the run before.
        self._counter.zero_()
        if self.device.type == "cpu":
            self._tables |= tables
            return
        # The buffer that is filled now is that of the run before the last: its copy must be over.
        if len(self._copied) == len(self._buffers):
            self._copied.pop(0).synchronize()
        buffer, other = self._buffers
        for name, rows in tables.items():
            if name not in buffer:
                shape = (self.length, *rows.shape[1:])
                # Half of the bytes to copy: places of examples and numbers of epochs fit into 32
                # bits.
                kind = torch.int32 if rows.dtype == torch.int64 else rows.dtype
                # From memory that is not pinned, `non_blocking` copies wait all the same.
                buffer[name] = torch.empty(shape, dtype=kind, pin_memory=True)
            # Made once and of full length: a captured graph reads at this address for ever.
            if name not in self._tables:
                self._tables[name] = torch.zeros(
                    buffer[name].shape, dtype=buffer[name].dtype, device=self.device
                )
            buffer[name][: len(rows)].copy_(rows)
            self._tables[name][: len(rows)].copy_(buffer[name][: len(rows)], non_blocking=True)
        # Blocking: while the host waits for it, it sleeps instead of keeping a core busy.
        self._copied.append(torch.cuda.Event(blocking=True))
        self._copied[-1].record(torch.cuda.current_stream(self.device))
        self._buffers = (other, buffer)

    def derive(self, name: str, rows: Tensor) -> None:
        """Add a table, `(steps, ...)`, to the run that has begun: made on the device."""
        if self.device.type == "cpu" or name not in self._tables:
            self._tables[name] = rows
        else:
            # Into the same memory, where a captured graph reads.
            self._tables[name].copy_(rows)

    def table(self, name: str) -> Tensor:
        """All rows of a table: `(steps, ...)` on a CPU, on CUDA `(length, ...)`."""
        return self._tables[name]

    def row(self, name: str) -> Tensor:
        """The present row of a table, without its first axis."""
        if self.device.type == "cpu":
            return self._tables[name][self._place]
        # By the counter on the device: as a number it would be fixed in the graph.
        return self._tables[name].index_select(0, self._counter)[0]

    def advance(self) -> None:
        """Go to the next row."""
        if self.device.type == "cpu":
            self._place += 1
        else:
            self._counter.add_(1)


def _nothing() -> None:
    """The host has no part in the step."""


class Repeater:
    """Calls a step many times; on CUDA, captures it once and replays the graph.

    The step must read and write only tensors that stay where they are, and must not ask the
    device for a value. The device must be the current one; see `settings.on_device`. On CUDA the
    steps are done on a stream of their own: `fork` lets it wait for the current stream, `join`
    lets the current stream wait for it, and a call does both.

    Where a step cannot be captured, all steps are called one by one, which is said once.

    Args:
        captured: False calls the step itself on CUDA too.
        stream: another Repeater's, to do its steps in order with those.
    """

    def __init__(
        self,
        device: torch.device,
        *,
        captured: bool = True,
        stream: torch.cuda.Stream | None = None,
    ) -> None:
        self._device = device
        self._graphed = captured and device.type == "cuda"
        self._graph: torch.cuda.CUDAGraph | None = None
        self._count: Tensor | None = None
        self._warmed = 0
        if device.type == "cuda":
            # CUDA captures nothing on its default stream.
            self.stream = torch.cuda.Stream(device) if stream is None else stream

    def __call__(
        self, step: Callable[[], None], times: int, feed: Callable[[], None] = _nothing
    ) -> None:
        """Run the step `times` times, between `fork` and `join`; see `run`.

        Raises:
            TrainingError: a captured graph does not hold the step.
        """
        self.fork()
        self.run(step, times, feed)
        self.join()

    def fork(self) -> None:
        """Let the steps that follow wait for what the current stream has been given."""
        if self._device.type == "cuda":
            self.stream.wait_stream(torch.cuda.current_stream(self._device))

    def join(self) -> None:
        """Let the current stream wait for the steps."""
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).wait_stream(self.stream)

    def run(
        self, step: Callable[[], None], times: int, feed: Callable[[], None] = _nothing
    ) -> None:
        """Run the step `times` times, always the same one.

        It is not kept: what it belongs to would keep itself alive through its own graph.

        Args:
            feed: the host's part, done before each step on its stream and never captured.

        Raises:
            TrainingError: a captured graph does not hold the step.
        """
        if self._device.type != "cuda":
            for _ in range(times):
                feed()
                step()
            return
        with torch.cuda.stream(self.stream):
            for _ in range(times):
                feed()
                ready = self._graphed and self._warmed == WARM_UP
                if self._graph is not None:
                    # It is the step that was asked for: a capture records kernels and runs none of
                    # them.
                    self._graph.replay()
                elif not (ready and self._capture(step)):
                    step()
                    self._warmed = min(self._warmed + 1, WARM_UP)

    def _capture(self, step: Callable[[], None]) -> bool:
        """Capture the step and replay it once; False where it cannot be captured.

        A capture on another device or stream than the step's gives an empty graph and no more
        than a warning: the step runs at once, and no replay ever trains. So a count beside the
        step must stay 0 while it is captured, and be 1 after one replay.
        """
        drawn = (torch.get_rng_state(), random.getstate())
        try:
            graph, count = self._captured(step)
        except RuntimeError as error:
            self._refuse(str(error).partition("\n")[0])
            return False
        # A replay repeats kernels alone: a number that the host drew would serve all steps.
        if not torch.equal(drawn[0], torch.get_rng_state()) or drawn[1] != random.getstate():
            self._refuse("it draws random numbers on the host")
            return False
        before = int(count)
        graph.replay()
        if (before, int(count)) != (0, 1):
            raise TrainingError(
                f"The steps on {self._device} were not captured, so repeating them would train "
                "nothing.",
                "Please report this with your versions of PyTorch and CUDA; until then name the "
                "GPU by CUDA_VISIBLE_DEVICES, and train on `cuda`.",
            )
        # The count lives as long as the graph, whose replays write to it.
        self._graph, self._count = graph, count
        return True

    def _refuse(self, problem: str) -> None:
        self._graphed = False
        _tell_once(problem)

    def _captured(self, step: Callable[[], None]) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """The step as a graph, and the number of its replays, to which it adds for ever."""
        count = torch.zeros(1, dtype=torch.int64, device=self._device)
        graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
        try:
            with torch.cuda.graph(graph, pool=pool, stream=self.stream):
                step()
                count.add_(1)
        except RuntimeError:
            # A capture that fails raises once more at its end, before torch leaves its stream.
            torch.cuda.set_stream(self.stream)
            self._end_failed_capture(pool, count)
            raise
        return graph, count

    def _end_failed_capture(self, pool: tuple[int, int], count: Tensor) -> None:
        """Tell torch that a capture is over, which it does not see where ending it failed.

        Its allocator would wait for the end for ever, and fail where memory is to be given back.
        And the device's generator, which every graph of the device reads (up to torch 2.11 at
        least), would refuse every draw and every replay.
        """
        index = torch.cuda.current_device()
        try:
            torch._C._cuda_endAllocateToPool(index, pool)  # noqa: SLF001 - torch has no other
        except RuntimeError:
            return  # the capture ended as it should: the step itself has failed
        torch._C._cuda_releasePool(index, pool)  # noqa: SLF001
        # The end of a capture that succeeds takes the generator back to drawing.
        with torch.cuda.graph(torch.cuda.CUDAGraph(), stream=self.stream):
            count.zero_()


# Cached by its words: a hundred members with the same problem warn once.
@functools.cache
def _tell_once(problem: str) -> None:
    _log.warning("A step could not be captured as a CUDA graph (%s); steps are slower.", problem)
