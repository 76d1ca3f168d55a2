"""The arithmetic of training alone: what no loop that uses the same kernels can be faster than."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from measure import TimedSide
from torch import Tensor, nn

from ticket_hub.training.layout import lay_out
from ticket_hub.training.linear import Alone

__all__ = ["convolutions_side", "products_side"]

BATCH, PIECES, ROWS = 60, 15, 1000


def products_side(sizes: Sequence[int], iterations: int) -> TimedSide:
    """The products of a perceptron's step, and of reading 15,000 examples, on random numbers.

    By the layers that the stack is made of; inputs, losses and the optimizer are left out.
    """
    pairs = list(itertools.pairwise(sizes))
    layers = [Alone(torch.randn(o, i), torch.randn(o), relu=o != sizes[-1]) for i, o in pairs]
    values = [(torch.randn(BATCH, i), torch.randn(BATCH, o)) for i, o in pairs]
    # As many images as are read lie in memory, and come from there each time.
    images, hidden = torch.randn(PIECES, ROWS, sizes[0]), [torch.randn(ROWS, i) for i, _ in pairs]

    @torch.inference_mode()
    def train(steps: int) -> None:
        for _ in range(steps):
            for layer, (x, delta) in zip(layers, values, strict=True):
                layer.forward(x)
                layer.backward(delta, x)
                if layer is not layers[0]:
                    layer.below(delta, x)

    @torch.inference_mode()
    def evaluate() -> None:
        for piece in images:
            for layer, x in zip(layers, [piece, *hidden[1:]], strict=True):
                layer.forward(x)

    return TimedSide(train=train, iterations=iterations, evaluate=evaluate)


def convolutions_side(
    module: nn.Module, image: tuple[int, ...], batch: int, iterations: int
) -> TimedSide:
    """The convolutions of a step of `batch` images, and of reading 2,000 by hundreds."""
    layout = lay_out(module)
    small, large = (_inputs(module, torch.randn(n, *image), layout) for n in (100, batch))

    def train(steps: int) -> None:
        for _ in range(steps):
            for index, (part, x) in enumerate(large):
                x.requires_grad_(bool(index))  # nobody asks for the gradient of the images
                out = part(x)
                wanted = [part.weight, *([x] if index else [])]
                torch.autograd.grad(out, wanted, torch.ones_like(out))

    @torch.inference_mode()
    def evaluate() -> None:
        for _ in range(20):
            for part, x in small:
                part(x)

    return TimedSide(train=train, iterations=iterations, evaluate=evaluate, share=2 / 15)


def _inputs(
    module: nn.Module, images: Tensor, layout: torch.memory_format
) -> list[tuple[nn.Conv2d, Tensor]]:
    """Each convolution, with random numbers in the shape of what it reads."""
    found: list[tuple[nn.Conv2d, Tensor]] = []

    def note(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(part, nn.Conv2d)
        found.append((part, torch.randn_like(inputs[0])))

    convolutions = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    hooks = [part.register_forward_pre_hook(note) for part in convolutions]
    with torch.no_grad():
        module(images.contiguous(memory_format=layout))
    for hook in hooks:
        hook.remove()
    return found
