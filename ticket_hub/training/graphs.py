"""Steps that repeat: tables read at a counter, and on CUDA one graph for the whole step.

On a CPU the counter is a number and the step is called again and again. On CUDA the counter lives
on the device, so that the same step, captured once as a graph, reads the next row each time it is
replayed; the host only launches. Both ways run the same step function.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ticket_hub.errors import TrainingError

__all__ = ["Repeater", "Rows"]

WARM_UP = 3


class Rows:
    """Tables with one row for each step of a run of steps, read at a common counter.

    The tables are written once per run into the same memory, which a graph may have captured.

    Args:
        length: the most steps that one run has.
    """

    def __init__(self, length: int, device: torch.device) -> None:
        self.length, self.device = length, device
        self._tables: dict[str, Tensor] = {}
        self._place = 0
        self._counter = torch.zeros(1, dtype=torch.int64, device=device)

    def load(self, **tables: Tensor) -> None:
        """Begin a run: `(steps, ...)` each, on any device, at most `length` steps."""
        self._place = 0
        self._counter.zero_()
        for name, rows in tables.items():
            if self.device.type == "cpu":
                self._tables[name] = rows
                continue
            if name not in self._tables:
                shape = (self.length, *rows.shape[1:])
                self._tables[name] = torch.zeros(shape, dtype=rows.dtype, device=self.device)
            self._tables[name][: len(rows)].copy_(rows, non_blocking=True)

    def row(self, name: str) -> Tensor:
        """The present row of a table."""
        if self.device.type == "cpu":
            return self._tables[name][self._place]
        return self._tables[name].index_select(0, self._counter)[0]

    def advance(self) -> None:
        """Go to the next row."""
        if self.device.type == "cpu":
            self._place += 1
        else:
            self._counter.add_(1)


class Repeater:
    """Calls a step many times; on CUDA, captures it once and replays the graph.

    The step must read and write only tensors that stay where they are, and must not ask the
    device for a value. The device must be the current one; see `settings.on_device`.

    Args:
        captured: False calls the step itself on CUDA too, for steps that draw random numbers.
    """

    def __init__(
        self, step: Callable[[], None], device: torch.device, *, captured: bool = True
    ) -> None:
        self._step, self._device = step, device
        self._graphed = captured and device.type == "cuda"
        self._graph: torch.cuda.CUDAGraph | None = None
        self._replays: Tensor | None = None

    def __call__(self, times: int) -> None:
        """Run the step `times` times.

        Raises:
            TrainingError: a captured graph does not hold the step.
        """
        if not self._graphed:
            for _ in range(times):
                self._step()
            return
        if self._graph is None:
            warm = min(times, WARM_UP)
            self._warm_up(warm)
            times -= warm
            if times == 0:
                return
            self._graph = self._capture()
            times -= 1
        for _ in range(times):
            self._graph.replay()

    def _warm_up(self, times: int) -> None:
        """Real steps outside the graph, on a side stream, as PyTorch asks before a capture."""
        stream = torch.cuda.Stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(times):
                self._step()
        torch.cuda.current_stream(self._device).wait_stream(stream)

    def _capture(self) -> torch.cuda.CUDAGraph:
        """The step as a graph, replayed once.

        A capture on another device or stream than the step's gives an empty graph and no more
        than a warning: the step runs at once, and no replay ever trains. So a count beside the
        step must stay 0 while it is captured, and be 1 after one replay. The graph adds to the
        count for ever, which therefore lives as long.
        """
        self._replays = torch.zeros(1, dtype=torch.int64, device=self._device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
            self._replays.add_(1)
        before = int(self._replays)
        graph.replay()
        if (before, int(self._replays)) != (0, 1):
            raise TrainingError(
                f"The steps on {self._device} were not captured, so repeating them would train "
                "nothing.",
                "Please report this with your versions of PyTorch and CUDA; until then name the "
                "GPU by CUDA_VISIBLE_DEVICES, and train on `cuda`.",
            )
        return graph
