"""One forward pass of a module that has no memory for its weights, to see what flows through it."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

__all__ = ["blank_inputs", "pass_through", "takes_tokens", "vectorizes"]

SMALL = 1 << 24
"""Numbers of weights up to which zeros are computed on the CPU: at most 64 MB for a copy."""


def takes_tokens(module: nn.Module) -> bool:
    """Whether the module reads the numbers of words: its class says `inputs = "tokens"`."""
    return getattr(module, "inputs", None) == "tokens"


def blank_inputs(module: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """Zeros that the module takes, on torch's default device.

    Args:
        shape: `(batch, channels, height, width)`; texts have as many channels as there are words.
    """
    if takes_tokens(module):
        return torch.zeros(shape[0], 1, *shape[2:], dtype=torch.int64)
    return torch.zeros(shape)


def pass_through(module: nn.Module, shape: tuple[int, ...], *, gradients: bool = False) -> object:
    """What `module`, which lies on the meta device, gives for inputs of this shape, without values.

    With `gradients` autograd keeps what a backward pass would need.

    Small networks compute on zeros that take no memory, on the CPU whatever the default device is.
    The meta device would do, too, but its first operation imports torch's compiler, which takes
    seconds.

    Raises:
        NotImplementedError, RuntimeError, AssertionError, ValueError: as the module does; the
            first, among others, where it reads values and lies on the meta device.
    """
    named = dict(itertools.chain(module.named_parameters(), module.named_buffers()))
    with torch.set_grad_enabled(gradients):
        # `expand` takes no memory, but layers may make copies of what it gives.
        if sum(value.numel() for value in named.values()) > SMALL:
            with torch.device("meta"):
                return module(blank_inputs(module, shape))
        with torch.device("cpu"):
            zeros = {
                name: torch.zeros((), dtype=value.dtype)
                .expand(value.shape)
                .requires_grad_(gradients and value.requires_grad)
                for name, value in named.items()
            }
            given: object = functional_call(module, zeros, (blank_inputs(module, shape),))
            return given


def vectorizes(module: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether several members' weights can go through `module` at once, while it is trained.

    They cannot where its forward pass draws random numbers, decides by values, or keeps from
    autograd what the way back needs, as activation checkpoints do.
    """

    def total(weights: dict[str, Tensor], inputs: Tensor) -> Tensor:
        """What there are gradients of."""
        outputs: Tensor = functional_call(module, weights, (inputs,)).sum()
        return outputs

    # One member, as `vmap` sees it: a first axis of one.
    zeros = {
        name: torch.zeros((), dtype=value.dtype).expand(1, *value.shape)
        for name, value in module.named_parameters()
    }
    training = module.training
    module.train()
    try:
        vmap(grad(total), in_dims=(0, None))(zeros, blank_inputs(module, shape))
    except Exception:  # noqa: BLE001 - a user's own module may raise anything
        return False
    finally:
        module.train(training)
    return True
