"""The smaller network of a mask: without the units of which nothing goes out.

Exact for any mask, in evaluation and in training: a unit that no consumer reads has no effect,
whatever comes in. Without it the units that fed it alone have none either, and so on. A unit with
nothing but its bias and norm left is a constant, and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from ticket_hub.networks import blank_module, build, outline
from ticket_hub.pruning.keeping import keep_mask
from ticket_hub.pruning.masks import check_alignment, check_layers
from ticket_hub.pruning.structure import Structure, UnitGroup
from ticket_hub.shapes import Bool, Int64
from ticket_hub.structured.dependencies import structure_of
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["Left", "SmallNetwork", "build_small", "left_of", "shrink"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Left:
    """What is left of a network without some of its units.

    Attributes:
        kept: name of a tensor -> axis -> the places along it that are left, in order; tensors that
            are whole are not named.
        attributes: `MODULE.NAME` -> a number of the module that is smaller now, as `num_heads`.
    """

    kept: Mapping[str, Mapping[int, Int64[Tensor, " _"]]]
    attributes: Mapping[str, int]

    def cut(self, values: Weights) -> dict[str, Tensor]:
        """What is left of the tensors of the whole network: of weights, masks, gradients.

        Along each axis that lost units, only the places that were kept.
        """
        found = {}
        for name, value in values.items():
            axes, small = self.kept.get(name, {}), value
            for axis in sorted(axes):  # rows first, which lie together
                small = small.index_select(axis, axes[axis].to(value.device))
            found[name] = small if axes else value.clone()
        return found

    def place(self, name: str, whole: Tensor) -> tuple[Tensor, ...]:
        """The index of what is left in a whole tensor, which reads it and writes it."""
        axes = self.kept.get(name, {})
        ranges = [axes.get(axis, torch.arange(size)) for axis, size in enumerate(whole.shape)]
        return torch.meshgrid(*(each.to(whole.device) for each in ranges), indexing="ij")


@dataclass(frozen=True, kw_only=True, eq=False)
class SmallNetwork(Left):
    """A network without its dead units.

    Attributes:
        architecture: of the network that it is a part of.
        weights: the whole state dict, small.
        mask: of what is left.
    """

    architecture: Architecture
    weights: Weights
    mask: Mask

    def build(self, *, mask: bool = True) -> nn.Module:
        """The module with its weights, on torch's default device.

        Args:
            mask: keep what the mask drops of it at 0 while it is trained.
        """
        module = build_small(self.architecture, self, self.weights)
        if mask and not all(bool(keep.all()) for keep in self.mask.values()):
            keep_mask(module, self.mask)
        return module


def shrink(architecture: Architecture, weights: Weights, mask: Mask) -> SmallNetwork:
    """Remove the dead units of a mask; each layer keeps one unit at least.

    Args:
        weights: the whole state dict; what the mask drops becomes 0.

    Raises:
        NetworkError: torch-pruning is not installed, or cannot follow the network.
        MaskMismatchError: the mask is not of the network.
    """
    check_alignment(weights, mask)
    left = left_of(architecture, mask)
    small, cut = left.cut(weights), left.cut(mask)
    for name, keep in cut.items():
        small[name].masked_fill_(~keep, 0)
    return SmallNetwork(
        architecture=architecture,
        kept=left.kept,
        attributes=left.attributes,
        weights=small,
        mask=cut,
    )


def left_of(architecture: Architecture, mask: Mask, *, fed: bool = False) -> Left:
    """What is left of a network without the units that nothing reads; one of each layer at least.

    Args:
        fed: leave those that the mask lets anything come into: then nothing that it keeps is
            removed.

    Raises:
        NetworkError: torch-pruning is not installed, or cannot follow the network.
        MaskMismatchError: the mask is not of the network.
    """
    check_layers(outline(architecture).layers, mask)
    structure = structure_of(architecture)
    alive = _alive(structure, mask, fed=fed)
    shapes = outline(architecture).shapes
    kept: dict[str, dict[int, Tensor]] = {}
    attributes: dict[str, int] = {}
    for group in structure.groups:
        dead = ~alive[group.name]
        if not dead.any():
            continue
        # A norm has four vectors of the same places.
        whole: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        for axis, tensors in ((0, group.rows), (1, group.columns)):
            for name, places in tensors.items():
                size, axes = shapes[name][axis], kept.setdefault(name, {})
                if (id(places), size) not in whole:
                    left = torch.ones(size, dtype=torch.bool)
                    left[places[dead].flatten()] = False
                    whole[id(places), size] = left, left.nonzero().flatten()
                left, numbers = whole[id(places), size]
                known = axes.get(axis)
                axes[axis] = numbers if known is None else known[left[known]]
        for path, (number, each) in group.attributes.items():
            attributes[path] = number - each * int(dead.sum())
    return Left(kept=kept, attributes=attributes)


def build_small(architecture: Architecture, left: Left, weights: Weights) -> nn.Module:
    """The module of a smaller network, made on the meta device and given its weights.

    Args:
        left: the places that are kept of each tensor, and what attributes of modules are.
        weights: the smaller network's state dict; the module takes its tensors, not copies, where
            they lie on torch's default device.

    Raises:
        NetworkError: the network is not registered here.
        RuntimeError: the weights are not those of the smaller network.
    """
    module, device = blank_module(architecture), torch.get_default_device()
    parts = dict(module.named_modules())
    shapes = {name: [*shape] for name, shape in outline(architecture).shapes.items()}
    for name, axes in left.kept.items():
        for axis, places in axes.items():
            shapes[name][axis] = places.numel()
    if shapes != {name: [*value.shape] for name, value in weights.items()}:
        raise RuntimeError(f"the weights are not of what is left of {architecture.name!r}")
    for name, value in weights.items():
        above, _, leaf = name.rpartition(".")
        whole, small = getattr(parts[above], leaf), value.to(device)
        if isinstance(whole, nn.Parameter):
            small = nn.Parameter(small, requires_grad=whole.requires_grad)
        setattr(parts[above], leaf, small)
    for part in parts.values():
        _tell_sizes(part)
    for path, number in left.attributes.items():
        above, _, leaf = path.rpartition(".")
        setattr(parts[above], leaf, number)
    # What a state dict does not hold.
    lacking = [name for name, _ in module.named_buffers() if name not in weights]
    buffers = dict(build(architecture).named_buffers()) if lacking else {}
    for name in lacking:
        above, _, leaf = name.rpartition(".")
        setattr(parts[above], leaf, buffers[name])
    return module


def _alive(structure: Structure, mask: Mask, *, fed: bool) -> dict[str, Bool[Tensor, " units"]]:
    """The units that something reads, by group, or that are fed; at least one of each."""
    left = {name: keep.detach().cpu().clone() for name, keep in mask.items()}
    alive = {group.name: torch.ones(group.size, dtype=torch.bool) for group in structure.groups}
    changed = True
    # A unit that is gone reads nothing either, so those that fed it alone go in the next turn.
    while changed:
        changed = False
        for group in structure.groups:
            gone = _unheard(group, left, alive[group.name], fed=fed)
            if gone.any():
                alive[group.name] &= ~gone
                group.clear(left, gone)
                changed = True
    return alive


def _unheard(group: UnitGroup, mask: Mask, alive: Tensor, *, fed: bool) -> Bool[Tensor, " units"]:
    gone = alive & ~group.heard(mask)
    if fed:
        gone &= ~group.fed(mask)
    # A layer of width 0 is one that PyTorch builds and most networks cannot run.
    if torch.equal(gone, alive):
        gone[int(alive.nonzero()[0])] = False
    return gone


def _tell_sizes(part: nn.Module) -> None:
    """Let a layer know how large its weight is now."""
    if isinstance(part, nn.Linear):
        part.out_features, part.in_features = part.weight.shape
    elif isinstance(part, _ConvNd) and not part.transposed:
        outputs, inputs = part.weight.shape[:2]
        if part.groups == part.out_channels:
            part.groups = outputs
        part.out_channels, part.in_channels = outputs, inputs * part.groups
    elif isinstance(part, _NormBase):
        known = (part.weight, part.running_mean)
        part.num_features = next(
            (len(each) for each in known if each is not None), part.num_features
        )
