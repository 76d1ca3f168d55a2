"""Tensors that say they lie on a CUDA device, while their values lie in the CPU's memory.

Every operation on them is seen by the device that is at work (see `pretended_cuda`), which runs it
on the CPU. What a real device refuses is refused here: operands on several devices, the values of
one that the host asks for while a graph is captured, and weights, gradients and slots of a fused
optimizer that do not lie alike.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Tensor

from ticket_hub.data import PackedImages
from ticket_hub.data.picture_decoding import PicturePlaces

__all__ = [
    "Call",
    "CudaPictures",
    "CudaTensor",
    "Machine",
    "called",
    "check_fused",
    "is_fresh",
    "pointer",
]

FUSED = {"_fused_sgd_", "_fused_adam_", "_fused_adamw_"}


class Machine(Protocol):
    """What runs the operations."""

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - as torch calls it
        """Run one operation of which at least one operand is on a pretended device."""


class CudaTensor(Tensor):
    """A tensor that says `cuda:0` or `cuda:1`; `hosted` has its values.

    To torch's own code in C++, which has no CUDA here, it lies on the CPU; only Python hears of
    its `place`.
    """

    machine: ClassVar[Machine]
    hosted: Tensor
    place: torch.device
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls: type[Self], inner: Tensor, device: torch.device) -> Self:
        """A tensor on the device, over the same memory."""
        # A view of an ordinary tensor must be one, in inference mode too.
        with torch.inference_mode(mode=False):
            made: Self = Tensor._make_wrapper_subclass(
                cls,
                inner.size(),
                strides=inner.stride(),
                storage_offset=inner.storage_offset(),
                dtype=inner.dtype,
                layout=inner.layout,
            )
        made.hosted, made.place = inner, device
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Where it says that it lies."""
        return self.place

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        """True: it says so."""
        return True

    def __repr__(self) -> str:  # type: ignore[override]
        """Without asking the device for values."""
        return f"CudaTensor({tuple(self.shape)}, {self.dtype}, {self.device})"

    def __tensor_flatten__(self) -> tuple[list[str], torch.device]:
        """So that `Module.to` replaces parameters as a whole."""
        return ["hosted"], self.place

    @staticmethod
    def __tensor_unflatten__(
        parts: Mapping[str, Tensor], device: torch.device, size: object, stride: object
    ) -> CudaTensor:
        """The way back."""
        del size, stride
        return CudaTensor(parts["hosted"], device)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls,
        func: Any,  # noqa: ANN401 - as torch calls it
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Any = None,  # noqa: ANN401 - as torch calls it
    ) -> Any:  # noqa: ANN401 - whatever the operation gives
        """Let the machine at work run it."""
        return cls.machine.run(func, args, kwargs or {})


class CudaPictures(PackedImages):
    """Pictures on disk that say they are for `cuda:0` or `cuda:1`, as `CudaTensor` does."""

    place: torch.device

    @staticmethod
    def __new__(cls: type[Self], where: PicturePlaces, device: torch.device | None = None) -> Self:
        """Pictures for the device."""
        made = PackedImages.__new__(cls, where)
        assert isinstance(made, cls)
        assert device is not None
        made.place = device
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Where it says that its pixels will lie."""
        return self.place


class Call:
    """One operation, its operands as CPU tensors.

    Attributes:
        device: of the pretended operands, of which there is one at least.
        written: tensors of pretended operands that it changes in place.
        read: tensors of all pretended operands.
        hosts: its operands that are really on the CPU.
    """

    def __init__(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:  # noqa: ANN401 - as torch calls it
        self.func, self.name = func, func._schema.name.removeprefix("aten::")
        self.outer = (args, kwargs)
        self.read: list[Tensor] = []
        self.hosts: list[Tensor] = []
        devices: set[torch.device] = set()

        def inner(value: Any) -> Any:  # noqa: ANN401 - any argument
            if isinstance(value, CudaTensor):
                devices.add(value.place)
                self.read.append(value.hosted)
                return value.hosted
            if isinstance(value, Tensor):
                self.hosts.append(value)
            return value

        self.args, self.kwargs = mapped(inner, (args, kwargs))
        if len(devices) > 1 and self.name != "copy_":
            _refuse(f"{self.name} got tensors on {sorted(map(str, devices))}")
        self.device = min(devices, key=str)
        if self.name != "copy_":
            self._check_hosts()
        changed = called([self._value(place) for place in _writes(func)])
        mine = {id(value) for value in self.read}
        self.written = [value for value in changed if id(value) in mine]
        if self.name in FUSED:
            check_fused(self.args, self.kwargs)

    def _check_hosts(self) -> None:
        """A number on the CPU may be an operand, and becomes a constant; nothing else may."""
        for value in self.hosts:
            if value.dim() > 0 or self.name in FUSED:
                _refuse(f"{self.name} got a tensor {tuple(value.shape)} on the CPU")

    def _value(self, place: tuple[int, str]) -> Any:  # noqa: ANN401 - any argument
        index, name = place
        return self.args[index] if index < len(self.args) else self.kwargs.get(name)

    def constants(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The operands as a graph keeps them: a CPU tensor's value is that of the capture."""
        known = {id(value) for value in self.read}

        def frozen(value: Any) -> Any:  # noqa: ANN401 - any argument
            alone = isinstance(value, Tensor) and id(value) not in known
            return value.clone() if alone else value

        found: tuple[tuple[Any, ...], dict[str, Any]] = mapped(frozen, (self.args, self.kwargs))
        return found

    def returned(self, results: Any) -> Any:  # noqa: ANN401 - whatever the operation gives
        """The results as pretended tensors; an operand changed in place is given back itself."""
        known = {
            id(value.hosted): value for value in called(self.outer) if isinstance(value, CudaTensor)
        }
        hosts = {id(host) for host in self.hosts}

        def outer(value: Any) -> Any:  # noqa: ANN401 - any result
            if not isinstance(value, Tensor):
                return value
            if id(value) in known:
                return known[id(value)]
            return value if id(value) in hosts else CudaTensor(value, self.device)

        return mapped(outer, results)


def check_fused(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """What CUDA's fused optimizers demand of each weight, its gradient and its slots.

    Raises:
        RuntimeError: they do not lie alike, without gaps, in one dtype.
    """
    lists = [value for value in args[:4] if isinstance(value, list) and value]
    for alike in zip(*lists, strict=True):
        kinds = {(value.shape, value.stride(), value.dtype) for value in alike}
        dense = torch.ops.aten.is_non_overlapping_and_dense
        if len(kinds) > 1 or not all(dense(value) for value in alike):
            _refuse(f"a fused optimizer got tensors that lie as {kinds}")
    if not isinstance(kwargs["lr"], Tensor):
        _refuse("a fused optimizer's learning rate would become a constant of the graph")


def pointer(value: Tensor) -> int:
    """Where a tensor's memory begins, whatever part of it the tensor shows."""
    return value.untyped_storage().data_ptr()


def is_fresh(value: Tensor, call: Call) -> bool:
    """Whether a result has memory of its own."""
    return pointer(value) not in {pointer(operand) for operand in call.read}


def called(results: Any) -> list[Tensor]:  # noqa: ANN401 - whatever the operation gives
    """The tensors among the results."""
    found: list[Tensor] = []
    mapped(lambda value: found.append(value) if isinstance(value, Tensor) else None, results)
    return found


def mapped(change: Callable[[Any], Any], tree: Any) -> Any:  # noqa: ANN401 - any arguments or results
    """Change each leaf of nested tuples, lists and dicts; much faster than torch's own."""
    if isinstance(tree, tuple | list):
        return type(tree)([mapped(change, value) for value in tree])
    if isinstance(tree, dict):
        return {key: mapped(change, value) for key, value in tree.items()}
    return change(tree)


@functools.cache
def _writes(func: Any) -> tuple[tuple[int, str], ...]:  # noqa: ANN401 - an operator
    """Places and names of the arguments that an operator changes."""
    return tuple(
        (index, argument.name)
        for index, argument in enumerate(func._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    )


def _refuse(what: str) -> None:
    raise RuntimeError(f"A CUDA device would refuse this: {what}.")
