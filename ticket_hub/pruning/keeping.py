"""Put a mask on a module, with its weights or with those of a ticket."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrize

from ticket_hub.errors import MaskMismatchError
from ticket_hub.pruning.handle import MaskHandle, mask_handle
from ticket_hub.pruning.masks import check_alignment, masked
from ticket_hub.types import Mask, Weights

__all__ = ["keep_mask", "load_masked", "load_weights"]


def keep_mask(module: nn.Module, mask: Mask) -> MaskHandle:
    """Set what the mask drops to 0, and keep it there while the module is trained.

    A mask that the module already keeps is replaced. A weight that several layers share may stand
    there under any of its names, or under all.

    Raises:
        MaskMismatchError: a masked weight is missing from the module, has another shape or no
            plain layout, or two masks are of one shared weight and differ.
    """
    _check_weights(module, mask)
    previous = mask_handle(module)
    if previous is not None:
        previous.remove()
    return MaskHandle(module, mask)


def _check_weights(module: nn.Module, mask: Mask) -> None:
    # With duplicates: the mask may call a shared weight by any of its names.
    weights = dict(module.named_parameters(remove_duplicate=False))
    for name in mask:
        above, _, leaf = name.rpartition(".")
        owner = dict(module.named_modules(remove_duplicate=False)).get(above)
        computed = owner is not None and (
            parametrize.is_parametrized(owner, leaf) or leaf in vars(owner)
        )
        if computed and isinstance(value := getattr(owner, leaf), torch.Tensor):
            weights[name] = value  # type: ignore[assignment]
    check_alignment(weights, mask)
    names: dict[int, str] = {}
    for name, keep in mask.items():
        if weights[name].layout != torch.strided:
            raise MaskMismatchError(
                f"The weight {name!r} is stored as {weights[name].layout}.",
                "Make it dense: a mask is held on plain arrays only.",
            )
        first = names.setdefault(id(weights[name]), name)
        if not torch.equal(keep, mask[first]):
            raise MaskMismatchError(
                f"{first!r} and {name!r} are one shared weight, but their masks differ.",
                "Give one of them, or the same mask for both.",
            )


def load_masked(module: nn.Module, theta0: Weights, mask: Mask) -> MaskHandle:
    """Load `theta0 * mask` into a module and keep the mask while the module is trained.

    Args:
        module: built from the network of theta0.
        theta0: the complete, dense state dict.

    Raises:
        MaskMismatchError: theta0 or the mask is not of this network.
    """
    load_weights(module, theta0, mask)
    return keep_mask(module, mask)


def load_weights(module: nn.Module, theta0: Weights, mask: Mask) -> None:
    """Load `theta0 * mask` into a module that stays a plain one; a mask that it keeps is let go.

    Args:
        module: built from the network of theta0.
        theta0: the complete, dense state dict.

    Raises:
        MaskMismatchError: theta0 or the mask is not of this network.
    """
    expected = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in theta0.items()}
    for name in sorted(expected.keys() | given.keys()):
        if expected.get(name) != given.get(name):
            raise MaskMismatchError(
                f"The weights have {name!r} with shape {given.get(name)}, "
                f"but the network has it with shape {expected.get(name)}.",
                "Use the weights with the network they were made for.",
            )
    weights = masked(theta0, mask)
    previous = mask_handle(module)
    if previous is not None:
        previous.remove()
    module.load_state_dict(weights)
