"""What a forward pass costs densely, and what the surviving weights alone would cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from ticket_hub.analysis.masked_network import masked_network
from ticket_hub.analysis.subject import Subject
from ticket_hub.errors import NetworkError
from ticket_hub.networks.passing import blank_inputs
from ticket_hub.pruning.masks import kept_by_layer
from ticket_hub.types import Architecture, Mask, PrunableLayer

__all__ = ["Flops", "LayerFlops", "compute", "measure_flops"]

Formula: TypeAlias = Callable[..., int]


@dataclass(frozen=True, kw_only=True)
class LayerFlops:
    """One layer.

    Attributes:
        layer: its parameter's name.
        uses: how often each weight is multiplied for one image: positions of a convolution, steps
            of a recurrent layer.
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
    total, by_weight = _count(module.eval(), layers, architecture)
    counts = [kept_by_layer(mask) for mask in masks]
    found = tuple(
        LayerFlops(
            layer=layer.name,
            uses=by_weight[layer.name] // (2 * layer.size),
            dense=by_weight[layer.name],
            effective=tuple(
                by_weight[layer.name] * count[layer.name] // layer.size for count in counts
            ),
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
    """Operations in all, and those that each layer's weights take part in."""
    found = {layer.name: 0 for layer in layers}
    names = {_storage(module.get_parameter(name)): name for name in found}
    formulas = {product: _noting(found, names, each) for product, each in flop_registry.items()}
    counter = FlopCounterMode(display=False, custom_mapping=formulas)
    try:
        with counter, torch.no_grad(), torch.device("meta"):
            module(blank_inputs(module, (1, *architecture.input_shape)))
    except (NotImplementedError, RuntimeError) as error:
        raise NetworkError(
            f"The operations of {architecture.name!r} cannot be counted: {error}",
            "Leave out the analysis `flops`.",
        ) from error
    return int(counter.get_total_flops()), found


def _noting(
    found: dict[str, int], names: Mapping[StorageWeakRef, str], formula: Formula
) -> Formula:
    """PyTorch's formula of one product, which adds what it says to the weights that are read.

    Told by the storage, whoever multiplies: recurrent layers and attentions read their weights
    themselves, transposed or in parts.
    """

    def note(*args: object, **others: object) -> int:
        """Count one product."""
        flops = int(formula(*args, **others))
        for each in args:
            if isinstance(each, Tensor) and (name := names.get(_storage(each))):
                found[name] += flops
        return flops

    vars(note)["_get_raw"] = True  # the counter then gives tensors, and not their shapes
    return note


def _storage(tensor: Tensor) -> StorageWeakRef:
    return StorageWeakRef(tensor.untyped_storage())
