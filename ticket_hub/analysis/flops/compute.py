"""What a forward pass costs densely, and what the surviving weights alone would cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.utils.flop_counter import FlopCounterMode

from ticket_hub.analysis.masked_network import masked_network
from ticket_hub.analysis.subject import Subject
from ticket_hub.analysis.wiring import module_of
from ticket_hub.errors import NetworkError
from ticket_hub.networks.passing import blank_inputs
from ticket_hub.pruning.masks import kept_by_layer
from ticket_hub.types import Architecture, Mask, PrunableLayer

__all__ = ["Flops", "LayerFlops", "compute", "measure_flops"]

Hook: TypeAlias = Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]


@dataclass(frozen=True, kw_only=True)
class LayerFlops:
    """One layer.

    Attributes:
        layer: its parameter's name.
        uses: how often each weight is multiplied for one image: positions of a convolution.
        dense: 2 for each weight and use.
        effective: 2 for each kept weight and use, by trial.
    """

    layer: str
    uses: int
    dense: int
    effective: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Flops:
    """A forward pass of one image.

    Attributes:
        dense: as `torch.utils.flop_counter` counts the whole network.
        effective: the same without the pruned weights, by trial.
        other: products that no prunable weight takes part in, such as attention; in both.
        layers: in the order of the network.
    """

    UNITS: ClassVar[Mapping[str, str]] = {
        "dense, effective, other": "floating-point operations of one image's forward pass "
        "(a multiplication and its addition are 2)",
    }

    dense: int
    effective: tuple[int, ...]
    other: int
    layers: tuple[LayerFlops, ...]


def compute(subject: Subject) -> Flops:
    """The operations of the tickets of one level."""
    return measure_flops(subject.architecture, [ticket.mask for ticket in subject.tickets])


def measure_flops(architecture: Architecture, masks: Sequence[Mask]) -> Flops:
    """Count operations by one forward pass of one image on the meta device.

    Dense is what PyTorch's own counter says: matrix products and convolutions, at 2 operations
    for a multiplication and its addition; biases, norms and activations are not in it. Effective
    leaves out every product with a pruned weight. It says what a kernel that skips every zero for
    free would do, and bounds the gain from below: dense kernels take as long as before, and
    kernels for unstructured sparsity reach only a part of the peak.

    Args:
        masks: by trial, at least one.

    Raises:
        MaskMismatchError: a mask is of another network.
        NetworkError: as `ticket_hub.networks.build`, or the network cannot run without values.
    """
    module, layers = masked_network(architecture, masks)
    total, uses = _count(module.eval(), layers, architecture)
    counts = [kept_by_layer(mask) for mask in masks]
    found = tuple(
        LayerFlops(
            layer=layer.name,
            uses=uses[layer.name],
            dense=2 * uses[layer.name] * layer.size,
            effective=tuple(2 * uses[layer.name] * count[layer.name] for count in counts),
        )
        for layer in layers
    )
    other = total - sum(each.dense for each in found)
    return Flops(
        dense=total,
        effective=tuple(
            other + sum(each.effective[trial] for each in found) for trial in range(len(masks))
        ),
        other=other,
        layers=found,
    )


def _count(
    module: nn.Module, layers: Sequence[PrunableLayer], architecture: Architecture
) -> tuple[int, dict[str, int]]:
    """Operations in all, and how often each layer's weights are used."""
    uses = {layer.name: 0 for layer in layers}
    hooks = [
        module_of(module, layer).register_forward_hook(_noting(uses, layer)) for layer in layers
    ]
    counter = FlopCounterMode(display=False)
    try:
        with counter, torch.no_grad(), torch.device("meta"):
            module(blank_inputs(module, (1, *architecture.input_shape)))
    except (NotImplementedError, RuntimeError) as error:
        raise NetworkError(
            f"The operations of {architecture.name!r} cannot be counted: {error}",
            "Leave out the analysis `flops`.",
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    return int(counter.get_total_flops()), uses


def _noting(uses: dict[str, int], layer: PrunableLayer) -> Hook:
    """A hook that adds how often the weights of a layer were used.

    A weight takes part once for each number of its output unit; in a transposed convolution, for
    each number of its input.
    """

    def note(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Count the uses of one call of the layer."""
        numbers = inputs[0] if isinstance(part, _ConvTransposeNd) else output
        uses[layer.name] += numbers.numel() // layer.shape[0]

    return note
