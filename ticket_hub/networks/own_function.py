"""A class or function of the user's own that builds a network: where it is, and what it builds."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ticket_hub.errors import NetworkError
from ticket_hub.networks.prunable import prunable_layers
from ticket_hub.networks.seeding import kept_generators
from ticket_hub.patterns import TENSOR
from ticket_hub.types import Architecture

__all__ = [
    "Make",
    "check_same",
    "checked_module",
    "dotted_name",
    "made",
    "source_file",
    "tensors_of",
]

Make: TypeAlias = Callable[..., nn.Module]
_DTYPES = frozenset(
    {torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.int16}
    | {torch.int8, torch.uint8, torch.bool}
)
"""What a file of tensors in a bundle may hold."""


def checked_module(make: Make) -> nn.Module:
    """A module of a function; called twice, to see that it builds anew and what.

    Raises:
        NetworkError: as `register_factory`.
    """
    if isinstance(make, nn.Module):
        raise NetworkError(
            f"A {type(make).__name__} was given that is built already, and each trial needs "
            "fresh weights of its own.",
            "Give the function that builds it, such as the class itself or "
            f"`lambda: {type(make).__name__}(...)`.",
        )
    with kept_generators():
        module, other = made(make), made(make)
    if module is other:
        raise NetworkError(
            "The function gives the same module at every call.",
            "Let it build a new one each time, since each trial needs weights of its own.",
        )
    tensors = tensors_of(module)
    if not prunable_layers(module):
        raise NetworkError(
            f"{type(module).__name__} has no prunable layer: no Conv and no Linear.",
            "Other weights are pruned where `ticket_hub.networks.set_kind` marks them, as "
            "`set_kind(rnn, 'fc', 'weight_ih_l0', 'weight_hh_l0')`.",
        )
    if tensors != tensors_of(other):
        raise NetworkError(
            "The function builds another network at each call.",
            "Let the shapes of its layers be the same each time.",
        )
    return module


def made(make: Make, *arguments: Architecture) -> nn.Module:
    """What a function builds.

    Raises:
        NetworkError: it fails, or gives no module.
    """
    try:
        module = make(*arguments)
    except Exception as error:  # an author's own function may raise anything
        raise NetworkError(
            f"The function that builds the network failed: {type(error).__name__}: {error}",
            "It is called without arguments: `lambda: Net(width=8)` gives those that it needs.",
        ) from error
    if not isinstance(module, nn.Module):
        raise NetworkError(
            f"The function gives a {type(module).__name__}.", "Let it give a `torch.nn.Module`."
        )
    return module


def tensors_of(module: nn.Module) -> dict[str, str]:
    """Entry of the state dict -> its dtype and shape, as a text.

    Raises:
        NetworkError: an entry that cannot be in a bundle, or a shape that is not known yet.
    """
    found = {}
    lazy = [name for name, value in module.named_parameters() if is_lazy(value)]
    for name, value in ({} if lazy else module.state_dict()).items():
        possible = isinstance(value, torch.Tensor) and value.layout == torch.strided
        if not possible or not TENSOR.fullmatch(name) or value.dtype not in _DTYPES:
            about = value.dtype if isinstance(value, torch.Tensor) else type(value).__name__
            raise NetworkError(
                f"The entry {name[:80]!r} of the state dict ({about}) cannot be in a bundle.",
                "Build the network in float32, with plain tensors under names of letters, digits, "
                "dots, dashes and underscores; train in bfloat16 with autocast.",
            )
        found[name] = f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    if lazy:
        raise NetworkError(
            f"The parameter {lazy[0]!r} has no shape yet.",
            "Let the function run one forward pass before it gives the module.",
        )
    return found


def dotted_name(make: Make) -> str:
    """`MODULE.NAME` of a function, without what no name can have."""
    function = _plain(make)
    module = str(getattr(function, "__module__", "") or "unnamed")
    if module == "__main__":
        script = getattr(sys.modules["__main__"], "__file__", None)
        module = Path(script).stem if script else "main"
    name = str(getattr(function, "__qualname__", type(function).__qualname__))
    return re.sub(r"[^A-Za-z0-9_.]+", "-", f"{module}.{name}").strip("-.")[-150:]


def source_file(make: Make) -> Path | None:
    """The file that has the function; None where there is none."""
    try:
        found = inspect.getsourcefile(_plain(make))  # type: ignore[arg-type]
    except TypeError:
        return None
    return Path(found) if found else None


def _plain(make: Make) -> object:
    """What a partial call is of."""
    while hasattr(make, "func"):
        make = make.func
    return make


def check_same(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Refuse a network that is another than before.

    Args:
        before, now: entry of the state dict -> its dtype and shape; see `tensors_of`.

    Raises:
        NetworkError: a name, dtype or shape differs.
    """
    for name in [*before, *now]:
        was, is_now = before.get(name, "nothing"), now.get(name, "nothing")
        if was != is_now:
            raise NetworkError(
                f"The function builds another network than before: {name!r} was {was} and is "
                f"{is_now}.",
                "Give the function that the run was begun with, or name another folder.",
            )
