"""Two GPUs that are not there: their current device, streams, and graphs over CPU tensors.

Tensors are of the CPU, and all are taken to lie on one device, `cuda:1`. An operation in place
runs at once, except while a graph is captured on that device: then it is only noted, and each
replay does it, as CUDA does. On any other device a capture notes nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

__all__ = ["HOME", "PretendedCuda"]

HOME = torch.device("cuda:1")


class Stream:
    """Belongs to a device, and orders nothing, since nothing here runs at the same time."""

    def __init__(self, device: torch.device | None) -> None:
        self.device = device

    def wait_stream(self, other: Stream) -> None:
        """Nothing to wait for."""
        del other


class Graph:
    """What was noted while it was captured."""

    def __init__(self) -> None:
        self.steps: list[Callable[[], object]] = []

    def replay(self) -> None:
        """Do all of it."""
        for step in self.steps:
            step()


class PretendedCuda(TorchFunctionMode):
    """A context in which `torch.cuda` has two devices."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.current = 0
        self._noting: list[Callable[[], object]] | None = None
        for name in ("device", "stream", "graph"):
            monkeypatch.setattr(torch.cuda, name, getattr(self, f"_{name}"))
        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "current_stream", Stream)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401 - as torch calls it
        types: Any,  # noqa: ANN401 - as torch calls it
        args: tuple[Any, ...] = (),
        kwargs: Any = None,  # noqa: ANN401 - as torch calls it
    ) -> Any:  # noqa: ANN401 - whatever the operation gives
        """Note an operation in place while a graph is captured; else run it on the CPU."""
        given = dict(kwargs or {})
        if "device" in given:
            given["device"] = torch.device("cpu")
        in_place = func.__name__.endswith("_") and not func.__name__.endswith("__")
        if self._noting is not None and in_place:
            self._noting.append(lambda: func(*args, **given))
            return args[0]
        return func(*args, **given)

    @contextlib.contextmanager
    def _device(self, device: torch.device) -> Iterator[None]:
        before, self.current = self.current, device.index or 0
        yield
        self.current = before

    @contextlib.contextmanager
    def _stream(self, stream: Stream) -> Iterator[None]:
        del stream
        yield

    @contextlib.contextmanager
    def _graph(self, graph: Graph) -> Iterator[None]:
        self._noting = graph.steps if self.current == HOME.index else None
        yield
        self._noting = None
