"""Weights that a layer computes anew: their dropped entries become 0 after everything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

from ticket_hub.errors import MaskMismatchError
from ticket_hub.pruning.survivors import Survivors

__all__ = [
    "is_parametrized",
    "mask_before_forward",
    "mask_parametrized",
    "parts_of",
    "pre_hooks",
    "release_computed",
]


class KeepMask(nn.Module):
    """The last parametrization of a weight: 0 where its mask drops."""

    keep: Tensor

    def __init__(self, name: str, keep: Tensor) -> None:
        super().__init__()
        self.name = name
        self.register_buffer("keep", keep, persistent=False)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with 0 where the mask drops: `(*layer)`."""
        if weight.shape != self.keep.shape:
            raise MaskMismatchError(
                f"The weight {self.name!r} is computed with shape {tuple(weight.shape)} now, but "
                f"its mask is of {tuple(self.keep.shape)}.",
                "Let go of the mask first: `mask_handle(module).remove()`.",
            )
        # Not a product, by which infinity would become NaN.
        return weight.masked_fill(self.keep.logical_not(), 0)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What to compute the weight `(*layer)` from: itself."""
        return weight


class MaskBeforeForward:
    """Masks a weight that an earlier hook of its layer has just set as a plain attribute."""

    def __init__(self, leaf: str, survivors: Survivors) -> None:
        self.leaf, self.survivors = leaf, survivors

    def __call__(self, owner: nn.Module, _arguments: object) -> None:
        """Called before the layer's forward pass."""
        value = vars(owner).get(self.leaf)
        if isinstance(value, Tensor) and value.shape == self.survivors.keep.shape:
            setattr(owner, self.leaf, self.survivors.only(value))


def is_parametrized(owner: nn.Module, leaf: str) -> bool:
    """Whether a weight of this layer comes out of `torch.nn.utils.parametrize`."""
    return "parametrizations" in parts_of(owner) and parametrize.is_parametrized(owner, leaf)


def mask_parametrized(owner: nn.Module, leaf: str, name: str, survivors: Survivors) -> None:
    """Mask a parametrized weight last; also where another parametrization was added meanwhile."""
    chain = _chain(owner, leaf)
    if not isinstance(list(chain.children())[-1], KeepMask):
        release_computed(owner, leaf)
        device = next(chain.parameters()).device
        chain.append(KeepMask(name, survivors.keep.to(device)))


def mask_before_forward(owner: nn.Module, leaf: str, survivors: Survivors) -> None:
    """Mask a plain attribute after every other hook of its layer."""
    if getattr(owner, "_is_replica", False):  # of DataParallel: made from weights that are masked
        return
    mine = _own_hooks(owner, leaf)
    # Hooks run in the order of their registration: ours has to be the last that sets the weight.
    if not mine or mine[-1] != next(reversed(pre_hooks(owner))):
        release_computed(owner, leaf)
        hook = MaskBeforeForward(leaf, survivors)
        owner.register_forward_pre_hook(hook)
        hook(owner, ())


def release_computed(owner: nn.Module, leaf: str) -> None:
    """Take away what masks a weight that is computed, if anything does."""
    if is_parametrized(owner, leaf):
        chain = _chain(owner, leaf)
        for index in reversed(range(len(chain))):
            if isinstance(chain[index], KeepMask):
                del chain[index]
    for key in _own_hooks(owner, leaf):
        del pre_hooks(owner)[key]


def pre_hooks(owner: nn.Module) -> dict[int, Callable[..., Any]]:
    """What a module calls before its forward pass, in this order."""
    return owner._forward_pre_hooks  # noqa: SLF001 - their order matters


def parts_of(owner: nn.Module) -> dict[str, nn.Module | None]:
    """A module's own parts by name; unlike attributes, nothing is computed."""
    return owner._modules  # noqa: SLF001 - attributes may be computed


def _own_hooks(owner: nn.Module, leaf: str) -> list[int]:
    return [
        key
        for key, hook in pre_hooks(owner).items()
        if isinstance(hook, MaskBeforeForward) and hook.leaf == leaf
    ]


def _chain(owner: nn.Module, leaf: str) -> nn.ModuleList:
    chains = owner.parametrizations
    assert isinstance(chains, nn.ModuleDict)
    chain = chains[leaf]
    assert isinstance(chain, nn.ModuleList)
    return chain
