"""Whether units may be dropped exactly: seen on the network itself, whatever its graph says.

With the columns of some units empty, the outputs must not depend on the rows of these units. A norm
over several units, or weights that a layer computes from others, do not pass.

Two passes are compared. The pass that the graph is read off is the first of them where it can be:
before anybody knows of units, the second half of what each layer reads is empty.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from ticket_hub.networks import build
from ticket_hub.networks.prunable import PRUNABLE_TYPES
from ticket_hub.networks.undrawn import Undrawn
from ticket_hub.pruning.structure import UnitGroup
from ticket_hub.shapes import Bool
from ticket_hub.types import Architecture

__all__ = ["Inputs", "lively_module", "tested"]

CLOSE = 1e-9  # of the largest output, in float64
CHANGED = 64  # numbers of a row, which change what comes in as all of them would
PERIOD = 4099  # a prime, so that no two rows of a layer begin alike
EVERY_SECOND = slice(None, None, 2)
MIXED = "other units depend on each of them, as under a norm over all"

Inputs = Callable[[nn.Module, torch.dtype], Tensor]
"""Gives examples for a module, of a dtype where they are no tokens."""


def lively_module(architecture: Architecture) -> nn.Module:
    """The module in evaluation mode, in float32, on the CPU, with weights that hide nothing.

    Signals stay of one size from layer to layer (He et al. 2015), and norms that would begin at 0,
    and biases, lie between 0.5 and 1.5. What is drawn is drawn once and repeated, which takes a
    fraction of the time of an initialization. Of what a layer reads, the second half is
    multiplied by 0; layers that may read the network's inputs read all.

    Raises:
        NetworkError: as `ticket_hub.networks.build`.
    """
    with torch.device("cpu"), Undrawn():
        module = build(architecture).eval()
    values = itertools.chain(module.parameters(), module.buffers())
    if any(value.is_floating_point() and value.dtype != torch.float32 for value in values):
        module.float()
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand(PERIOD, generator=generator)
    with torch.no_grad():
        for value in module.parameters():
            if not value.is_floating_point() or not value.ndim:
                continue
            if value.ndim == 1:
                value.copy_(_repeated(drawn, value.numel()) + 0.5)
            else:
                bound = (6 / max(1, value[0].numel())) ** 0.5
                found = _repeated((2 * drawn - 1) * bound, value.numel())
                value.data = found.view(value.shape)  # not copied, which would take as long again
        for _, weight, half in _halved(architecture, module):
            weight[:, half:] = 0
    return module


def _halved(architecture: Architecture, module: nn.Module) -> Iterator[tuple[str, Tensor, int]]:
    """The name of each weight of which half of the columns are empty, it, and where these begin."""
    channels, *sides = architecture.input_shape
    of_inputs = {1, channels, channels * math.prod(sides)}
    for name, part in module.named_modules():
        if isinstance(part, PRUNABLE_TYPES) and not isinstance(part, _ConvTransposeNd):
            columns = part.weight.shape[1]
            if columns not in of_inputs:
                yield f"{name}.weight", part.weight, (columns + 1) // 2


def _repeated(values: Tensor, count: int) -> Tensor:
    return values[:count] if count <= PERIOD else values.repeat(-(-count // PERIOD))[:count]


@torch.no_grad()
def tested(
    architecture: Architecture,
    module: nn.Module,
    inputs: Inputs,
    groups: Sequence[UnitGroup],
    first: Tensor,
) -> tuple[list[UnitGroup], dict[str, str]]:
    """The groups that may be dropped exactly, and why others may not.

    Args:
        module: as `lively_module` gives it; its weights are changed.
        first: what it gives for the inputs in float32, while autograd records.
    """
    halved = {name: (weight, half) for name, weight, half in _halved(architecture, module)}
    unread = _unread(groups, halved)
    if unread is None:
        for weight, half in halved.values():
            weight[:, half:] = weight[:, : weight.shape[1] - half]
    # All at once, which is how most networks are. Products with 0 are 0 in float32, too, so that
    # outputs which depend on nothing that goes are the same to the bit.
    examples = inputs(module, torch.float32)
    if unread is None:
        pair = _both(module, examples, groups)
    else:
        pair = first, _changed(module, examples, groups, unread)
    if _are_same(*pair):
        return list(groups), {}
    # In float64 the effect of a unit stands out from rounding.
    with torch.device("cpu"):
        precise = build(architecture).double().eval()
    _make_lively(precise)
    examples = inputs(precise, torch.float64)
    if _is_exact(precise, examples, groups):
        return list(groups), {}
    good = [group for group in groups if _is_exact(precise, examples, [group])]
    bad = {group.name for group in groups} - {group.name for group in good}
    return good, dict.fromkeys(bad, MIXED)


def _unread(
    groups: Sequence[UnitGroup], halved: Mapping[str, tuple[Tensor, int]]
) -> list[Bool[Tensor, " units"]] | None:
    """The units of each group of which all columns are empty, if all empty columns are of such.

    An empty column that is of no group could hide that a layer reads units of which the graph says
    that it does not.

    Args:
        halved: name -> a weight, and from which column on it is empty.
    """
    found = []
    empty = {name: weight.shape[1] - half for name, (weight, half) in halved.items()}
    for group in groups:
        unread = torch.ones(group.size, dtype=torch.bool)
        for name, places in group.columns.items():
            unread &= places.amin(1) >= (halved[name][1] if name in halved else math.inf)
        count = int(unread.sum())
        if not count:
            return None
        for name, places in group.columns.items():
            empty[name] -= count * places.shape[1]
        found.append(unread)
    return None if any(empty.values()) else found


def _are_same(first: Tensor, second: Tensor) -> bool:
    """Whether the outputs are bit for bit the same, and do depend on the inputs."""
    finite = bool(torch.isfinite(first).all() and torch.isfinite(second).all())
    return finite and not torch.equal(first[0], first[1]) and torch.equal(first, second)


def _is_exact(module: nn.Module, inputs: Tensor, groups: Sequence[UnitGroup]) -> bool:
    """Whether every second unit has no effect once nothing that goes out of it is left."""
    before = {name: value.clone() for name, value in module.state_dict().items()}
    try:
        first, second = _both(module, inputs, groups)
    finally:
        module.load_state_dict(before)
    largest = float(first.abs().max())
    return bool(torch.isfinite(first).all()) and float((first - second).abs().max()) <= (
        CLOSE * max(largest, 1e-300)
    )


def _both(module: nn.Module, inputs: Tensor, groups: Sequence[UnitGroup]) -> tuple[Tensor, Tensor]:
    """The outputs with the columns of every second unit empty, and then with other rows of these.

    Weights are left as they are then.
    """
    state = module.state_dict()
    for group in groups:
        for name, places in group.columns.items():
            value = state[name]
            left = torch.ones(value.shape[1], dtype=value.dtype)
            left[places[EVERY_SECOND].flatten()] = 0
            value.view(len(value), -1).mul_(left.repeat_interleave(value[0, 0].numel()))
    first = module(inputs)
    return first, _changed(module, inputs, groups, [EVERY_SECOND] * len(groups))


def _changed(
    module: nn.Module,
    inputs: Tensor,
    groups: Sequence[UnitGroup],
    unread: Sequence[Tensor | slice],
) -> Tensor:
    """The outputs with other rows of units that nothing reads: whatever comes into these.

    What is added to a row sums up to about a half, since these units do read each other, and deep
    networks would overflow. Weights are left as they are then.
    """
    state = module.state_dict()
    drawn = torch.rand(PERIOD, generator=torch.Generator().manual_seed(1))
    for group, units in zip(groups, unread, strict=True):
        known: Tensor | None = None
        for name, places in group.rows.items():
            if places is not known:  # a norm has four vectors of the same places
                known, rows = places, places[units].flatten()
            some = state[name]
            if some.ndim > 1:
                some = some.view(some.shape[0], -1)[:, :CHANGED]
            shape = (rows.numel(), *some.shape[1:])
            added = _repeated(drawn, math.prod(shape)).view(shape) / math.prod(shape[1:])
            some.index_add_(0, rows, added.to(some.dtype))
    outputs: Tensor = module(inputs)
    return outputs


def _make_lively(module: nn.Module) -> None:
    """Norms that begin at 0, and biases, would hide what depends on them."""
    generator = torch.Generator().manual_seed(0)
    for value in module.parameters():
        if value.ndim == 1:
            drawn = torch.rand(value.shape, dtype=value.dtype, generator=generator)
            value.copy_(drawn + 0.5)
