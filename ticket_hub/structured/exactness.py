"""Whether units may be dropped exactly: seen on the network itself, whatever its graph says.

With the columns of some units empty, the outputs must not depend on the rows of these units. A norm
over several units, or weights that a layer computes from others, do not pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ticket_hub.networks import build
from ticket_hub.networks.undrawn import Undrawn
from ticket_hub.pruning.structure import UnitGroup
from ticket_hub.types import Architecture

__all__ = ["Inputs", "lively_module", "tested"]

CLOSE = 1e-9  # of the largest output, in float64
CHANGED = 64  # numbers of a row, which change what comes in as all of them would
PERIOD = 4099  # a prime, so that no two rows of a layer begin alike
MIXED = "other units depend on each of them, as under a norm over all"

Inputs = Callable[[nn.Module, torch.dtype], Tensor]
"""Gives examples for a module, of a dtype where they are no tokens."""


def lively_module(architecture: Architecture) -> nn.Module:
    """The module in evaluation mode, in float32, on the CPU, with weights that hide nothing.

    Signals stay of one size from layer to layer (He et al. 2015), and norms that would begin at 0,
    and biases, lie between 0.5 and 1.5. What is drawn is drawn once and repeated, which takes a
    fraction of the time of an initialization.

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
    return module


def _repeated(values: Tensor, count: int) -> Tensor:
    return values.repeat(-(-count // len(values)))[:count]


@torch.no_grad()
def tested(
    architecture: Architecture, module: nn.Module, inputs: Inputs, groups: Sequence[UnitGroup]
) -> tuple[list[UnitGroup], dict[str, str]]:
    """The groups that may be dropped exactly, and why others may not.

    Args:
        module: as `lively_module` gives it; its weights are changed.
    """
    # All at once, which is how most networks are. Products with 0 are 0 in float32, too, so that
    # outputs which depend on nothing that goes are the same to the bit.
    if _are_same(module, inputs(module, torch.float32), groups):
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


def _are_same(module: nn.Module, inputs: Tensor, groups: Sequence[UnitGroup]) -> bool:
    """Whether the outputs are bit for bit the same, and do depend on the inputs."""
    first, second = _both(module, inputs, groups)
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

    Nothing reads these units: whatever comes into them, the outputs must stay. What is added to a
    row sums up to about a half, since these units do read each other, and deep networks would
    overflow. Weights are left as they are then.
    """
    state = module.state_dict()
    drawn = torch.rand(PERIOD, generator=torch.Generator().manual_seed(1))
    for group in groups:
        for name, places in group.columns.items():
            value = state[name]
            left = torch.ones(value.shape[1], dtype=value.dtype)
            left[places[::2].flatten()] = 0
            value.view(len(value), -1).mul_(left.repeat_interleave(value[0, 0].numel()))
    first = module(inputs)
    for group in groups:
        for name, places in group.rows.items():
            rows, value = places[::2].flatten(), state[name]
            some = value.view(len(value), -1)[:, :CHANGED]
            each = some.shape[1]
            added = _repeated(drawn.to(value.dtype) / each, len(rows) * each)
            some.index_add_(0, rows, added.view(len(rows), each))
    return first, module(inputs)


def _make_lively(module: nn.Module) -> None:
    """Norms that begin at 0, and biases, would hide what depends on them."""
    generator = torch.Generator().manual_seed(0)
    for value in module.parameters():
        if value.ndim == 1:
            drawn = torch.rand(value.shape, dtype=value.dtype, generator=generator)
            value.copy_(drawn + 0.5)
