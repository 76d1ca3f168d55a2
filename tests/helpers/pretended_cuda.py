"""Two GPUs that are not there: real values on the CPU, and everything else as CUDA does it.

Inside of `PretendedCuda`, tensors can be sent to `cuda:0` and `cuda:1`. Their devices are told
apart, streams are ordered (`pretended_streams`), and graphs are captured and replayed
(`pretended_graphs`).

The rest is torch's own code: `torch.cuda.graph`, `torch.cuda.device` and `torch.cuda.stream`, over
pretended primitives.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest
import torch
from jaxtyping import config
from torch import Tensor
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.overrides import TorchFunctionMode

from tests.helpers.pretended_graphs import Graph, GraphFacts
from tests.helpers.pretended_streams import Event, Host, Stream
from tests.helpers.pretended_tensors import Call, CudaPictures, CudaTensor, called, is_fresh
from ticket_hub.data import PackedImages

__all__ = ["PretendedCuda"]

CHECKS_ALL_TYPES = os.environ.get("TICKET_TEST_TYPES") == "all"
DEVICES = 2
BYTES = 80 * 10**9
MOVES = {Tensor.to, Tensor.cpu, Tensor.tolist, Tensor.pin_memory, Tensor.is_pinned}


class PretendedCuda(TorchFunctionMode):
    """A context in which `torch.cuda` has two devices.

    Attributes:
        graphs: all that were captured, in order.
        syncs: operations for which the host waited for a device's values.
        pageable: sizes in bytes of copies to a device from memory that is not pinned.
        waits: how often the host waited for an event or a stream.
        launches: operations that were given to the devices one by one.
        failure: called before each operation with its name; what it raises comes from the device.
        total: bytes of each device.
        underway: pools of captures that torch's allocator believes to go on.
        stuck: devices whose generator believes that a capture goes on.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._patch = monkeypatch
        self.host = Host()
        self.memory = self.host.memory
        self.current = 0
        self.capturing: Graph | None = None
        self.graphs: list[GraphFacts] = []
        self.syncs: list[str] = []
        self.pageable: list[int] = []
        self.launches = self.waits = 0
        self.failure: Callable[[str], None] | None = None
        self.total = BYTES
        self.underway: set[tuple[object, ...]] = set()
        self.stuck: set[int | None] = set()
        self._devices = [torch.device("cuda", index) for index in range(DEVICES)]
        self.defaults = [Stream(device, self.host) for device in self._devices]
        self._pools = itertools.count(1)
        self._streams, self._made = list(self.defaults), list(self.defaults)
        self.generators = [torch.Generator() for _ in self._devices]
        self.seeds = [torch.zeros(1) for _ in self._devices]

    def __enter__(self) -> Self:
        """Replace the primitives of `torch.cuda`."""
        CudaTensor.machine = self
        pretended: dict[str, Any] = {
            "_exchange_device": self._exchange,
            "_maybe_exchange_device": self._exchange,
            "current_device": lambda: self.current,
            "current_stream": lambda device=None: self.stream(device),
            "default_stream": lambda device=None: self.defaults[self._index(device)],
            "default_generators": self.generators,
            "device_count": lambda: DEVICES,
            "empty_cache": self._empty_cache,
            "graph_pool_handle": lambda: (0, next(self._pools)),
            "Event": self._event,
            "CUDAGraph": lambda **_: Graph(self),
            "get_device_capability": lambda _=None: (9, 0),
            "get_device_name": lambda _=None: "NVIDIA Pretended",
            "get_rng_state": lambda device=None: self.generators[self._index(device)].get_state(),
            "is_available": lambda: True,
            "is_bf16_supported": lambda *_: True,
            "mem_get_info": lambda device=None: (self._free(device), self.total),
            "memory_allocated": self._used,
            "memory_reserved": self._used,
            "set_rng_state": self._set_rng_state,
            "set_stream": self._set_stream,
            "Stream": self._new_stream,
            "synchronize": self._synchronize,
        }
        for name, value in pretended.items():
            self._patch.setattr(torch.cuda, name, value)
        self._patch.setattr(torch.cuda.graph, "default_capture_stream", None)
        # PyTorch for CUDA asks the driver for a context while it traces.
        self._patch.setattr(fake_tensor, "init_gpu_context", lambda _: None)
        for name, primitive in {
            "_host_emptyCache": lambda: None,
            "_cuda_endAllocateToPool": self._end_pool,
            "_cuda_releasePool": lambda *_: None,
        }.items():
            self._patch.setattr(torch._C, name, primitive, raising=False)
        super().__enter__()  # type: ignore[no-untyped-call]
        if CHECKS_ALL_TYPES:  # graphs and streams are pretended, too
            config.update("jaxtyping_disable", "1")
        return self

    def __exit__(self, *args: object) -> None:
        """Put them back, and look at the copies that nobody waited for."""
        super().__exit__(*args)  # type: ignore[no-untyped-call]
        if CHECKS_ALL_TYPES:
            config.update("jaxtyping_disable", "0")
        self._patch.undo()
        if args[0] is None:
            self.memory.check_flying(ended=True)

    def stream(self, device: object = None) -> Stream:
        """The current stream of a device, by default of the current one."""
        return self._streams[self._index(device)]

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - as torch calls it
        """Run an operation on the CPU, and note what a GPU would do."""
        call = Call(func, args, kwargs)
        if any(isinstance(value, FakeTensor) for value in call.read):  # while a step is traced
            return call.returned(func(*call.args, **call.kwargs))
        place = call.device
        stream = self.stream(place)
        if self.failure is not None:
            self.failure(call.name)
        self._transfer(call, stream)
        if stream.graph is not None:
            stream.graph.keep(call.written)
        with self.drawing(call):
            results = func(*call.args, **call.kwargs)
        fresh = [value for value in called(results) if is_fresh(value, call)]
        if call.written or fresh:
            self.launches += 1
            for value in fresh:
                self.memory.record(value, place)
            tick = self.memory.access(stream, call.read, [*call.written, *fresh])
            for value in call.hosts:
                if self.memory.is_pinned(value):
                    self.memory.fly(value, stream, tick)
            if stream.graph is not None:
                stream.graph.note(call, fresh if not call.written else [])
            self._check_room(place)
        return call.returned(results)

    def _transfer(self, call: Call, stream: Stream) -> None:
        """Note copies between the host and a device, and values that the host waits for."""
        copies = call.name == "copy_"
        into_host = copies and not call.written
        dynamic = torch.Tag.dynamic_output_shape in call.func.tags
        if call.name == "_local_scalar_dense" or into_host or dynamic:
            self._wait_for(call.name, stream)
        elif copies and call.hosts:
            source = call.hosts[0]
            if not self.memory.is_pinned(source):
                self.pageable.append(source.nbytes)
                if stream.graph is not None:
                    stream.graph.refuse("copy_ from pageable memory")
            elif True not in call.args[2:]:
                self._wait_for(call.name, stream)

    def _wait_for(self, what: str, stream: Stream) -> None:
        """The host waits for all that a stream has been given."""
        if stream.graph is not None:
            stream.graph.refuse(what)
        self.syncs.append(what)
        stream.synchronize()

    @contextlib.contextmanager
    def drawing(self, call: Call) -> Iterator[None]:
        """Draw random numbers from the device's own generator, as far as it is now."""
        if torch.Tag.nondeterministic_seeded not in call.func.tags:
            yield
            return
        if self.capturing is None:
            self.refuse_to_draw_if_stuck(call.device)
        generator, before = self.generators[call.device.index], torch.get_rng_state()
        torch.set_rng_state(generator.get_state())
        try:
            yield
        finally:
            generator.set_state(torch.get_rng_state())
            torch.set_rng_state(before)

    def refuse_to_draw_if_stuck(self, device: torch.device) -> None:
        """As a generator does that a failed capture has left behind; replays ask it, too.

        Raises:
            RuntimeError: it was.
        """
        if device.index in self.stuck:
            raise RuntimeError("Offset increment outside graph capture encountered unexpectedly.")

    def _empty_cache(self) -> None:
        if self.underway:
            raise RuntimeError("captures_underway.empty() INTERNAL ASSERT FAILED")

    def _end_pool(self, index: int, pool: tuple[int, int]) -> None:
        del index
        if (pool,) not in self.underway:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        self.underway.discard((pool,))

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401 - as torch calls it
        types: Any,  # noqa: ANN401 - as torch calls it
        args: tuple[Any, ...] = (),
        kwargs: Any = None,  # noqa: ANN401 - as torch calls it
    ) -> Any:  # noqa: ANN401 - whatever the operation gives
        """Make tensors on the devices, and send them there; the rest goes its way."""
        given = dict(kwargs or {})
        if func in MOVES:
            return self._moved(func, args, given)
        pinned = given.pop("pin_memory", False)
        device = self._named(given.get("device"))
        if device is not None:
            del given["device"]
        made = func(*args, **given)
        if pinned:
            return self.memory.pin(made)
        if device is None or isinstance(made, CudaTensor | FakeTensor):
            return made
        if func in {torch.tensor, torch.as_tensor}:
            self.pageable.append(made.nbytes)
        self.launches += 1
        return self._placed(made, device)

    def _moved(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - a method of a tensor
        """What concerns the place of a tensor."""
        value = args[0]
        if func is Tensor.is_pinned:
            return self.memory.is_pinned(value)
        if func is Tensor.pin_memory:
            return self.memory.pin(value)
        if func is Tensor.tolist:
            return self._fetched(value).tolist()
        if func is Tensor.cpu:
            return self._fetched(value)
        copies = kwargs.pop("copy", False)
        device, dtype, non_blocking, layout = torch._C._nn._parse_to(*args[1:], **kwargs)
        place, moved = self._named(device), value
        if isinstance(value, PackedImages):  # they have no memory anywhere
            if dtype in {None, torch.uint8}:
                kind = CudaPictures if place is not None else PackedImages
                return kind(value.packed, place or device or value.device)
            place, value = place or self._named(value.device), value.read()
            moved = value
        if device is not None and place is None:
            moved = self._fetched(value)
        elif place is not None and place != value.device:
            moved = self._sent(value, place, non_blocking=non_blocking)
        more = {} if layout is None else {"memory_format": layout}
        return func(moved, dtype or value.dtype, copy=copies and moved is value, **more)

    def _fetched(self, value: Tensor) -> Tensor:
        """A tensor on the CPU, for whose values the host waits."""
        if not isinstance(value, CudaTensor):
            return value
        with torch.no_grad():
            return torch.empty_like(value.hosted).copy_(value)

    def _sent(self, value: Tensor, device: torch.device, *, non_blocking: bool) -> Tensor:
        """A tensor on a device, copied there."""
        inner = value.hosted if isinstance(value, CudaTensor) else value
        with torch.no_grad():
            made = self._placed(torch.empty_like(inner), device)
            if isinstance(value, CudaTensor):
                self._meet(device, value.device)
            made.copy_(value.detach(), non_blocking=non_blocking)
            if isinstance(value, CudaTensor):
                self._meet(device, value.device)
            return made

    def _meet(self, *devices: torch.device) -> None:
        """Around a copy between devices PyTorch lets the current streams of both wait."""
        one, other = map(self.stream, devices)
        one.wait_stream(other)
        other.wait_stream(one)

    def _placed(self, value: Tensor, device: torch.device) -> CudaTensor:
        """A new tensor of the CPU, as one of a device."""
        asks = value.requires_grad
        inner, stream = value.detach(), self.stream(device)
        self.memory.access(stream, [], [inner])
        if stream.graph is not None:
            filled = (CudaTensor(inner.clone(), device),)
            stream.graph.note(Call(torch.ops.aten.clone.default, filled, {}), [inner])
        self._check_room(device)
        made = CudaTensor(inner, device)
        made.requires_grad_(asks)
        return made

    def _check_room(self, device: torch.device) -> None:
        if self.total < BYTES and self._free(device) < 0:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    def _named(self, device: object) -> torch.device | None:
        """The pretended device that an argument names, if it is one."""
        if device is None:
            return None
        found = torch.device(device) if isinstance(device, str | torch.device) else None
        if found is None or found.type != "cuda":
            return None
        return self._devices[self._index(found)]

    def _index(self, device: object) -> int:
        if isinstance(device, str):
            device = torch.device(device)
        index = device.index if isinstance(device, torch.device) else device
        return index if isinstance(index, int) and index >= 0 else self.current

    def _exchange(self, index: int) -> int:
        before = self.current
        if index is not None and index >= 0:
            self.current = index
        return before

    def _set_stream(self, stream: Stream) -> None:
        self.current = stream.device.index
        self._streams[self.current] = stream

    def _synchronize(self, device: object = None) -> None:
        del device
        self.waits += 1
        for stream in self._made:
            self.host.merge(stream)

    def _new_stream(self, device: object = None, **options: object) -> Stream:
        del options
        self._made.append(Stream(self._devices[self._index(device)], self.host))
        return self._made[-1]

    def _event(self, *, blocking: bool = False, **options: object) -> Event:
        del options
        return Event(self.host, blocking=blocking)

    def _used(self, device: object = None) -> int:
        return self.memory.live_bytes(self._devices[self._index(device)])

    def _free(self, device: object) -> int:
        return self.total - self._used(device)

    def _set_rng_state(self, state: Tensor, device: object = None) -> None:
        self.generators[self._index(device)].set_state(state)
