"""The units of a network, from torch-pruning's dependency graph and a test of each of its groups.

The graph says which weights must go together: through residual sums, flattening, depthwise
convolutions and concatenations. Whether dropping them is exact is then seen on the network itself
(`ticket_hub.structured.exactness`). Of attention, no graph tells where one head ends: see
`ticket_hub.structured.heads`.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from ticket_hub.errors import NetworkError
from ticket_hub.networks import blank_module, prunable_layers, transposed_layers
from ticket_hub.networks.passing import blank_inputs, takes_tokens
from ticket_hub.networks.prunable import PRUNABLE_TYPES
from ticket_hub.project import install_extra
from ticket_hub.pruning.granularity import check_inputs, needs_structure, takes_inputs
from ticket_hub.pruning.structure import OUTPUTS, Structure, UnitGroup
from ticket_hub.recipe import PruningSpec
from ticket_hub.recipe.own import is_own
from ticket_hub.structured.exactness import lively_module, tested
from ticket_hub.structured.heads import attention_heads
from ticket_hub.types import Architecture

__all__ = ["can_follow", "structure_for", "structure_of"]

Item: TypeAlias = Any  # of torch-pruning, which has no types
Graph: TypeAlias = Any


def can_follow() -> bool:
    """Whether torch-pruning, which follows units through a network, is installed."""
    return importlib.util.find_spec("torch_pruning") is not None


@functools.lru_cache(maxsize=32)
def structure_of(architecture: Architecture) -> Structure:
    """Which weights belong to one unit, and which units cannot be dropped.

    Raises:
        NetworkError: torch-pruning is not installed, or cannot follow the network.
    """
    if not can_follow():
        raise NetworkError(
            "torch-pruning must be installed to know which weights belong to one unit.",
            f"Install it with `{install_extra('structured')}`.",
        )
    module = lively_module(architecture)
    inputs = functools.partial(_inputs, architecture)
    layers = [layer.name for layer in prunable_layers(module)]
    try:
        found, fixed, first = _traced(module, inputs(module, torch.float32), layers)
    except (AssertionError, AttributeError, IndexError, RuntimeError, TypeError) as error:
        raise NetworkError(
            f"The units of {architecture.name!r} cannot be followed: {error}",
            "Set pruning.granularity = 'weight'.",
        ) from error
    groups, mixed = tested(architecture, module, inputs, found, first)
    for group in found:
        if group.name in mixed:
            fixed |= dict.fromkeys(group.producers(layers), mixed[group.name])
    order = {name: place for place, name in enumerate(layers)}
    return Structure(
        groups=tuple(sorted(groups, key=lambda group: order[group.name])),
        fixed={name: fixed[name] for name in layers if name in fixed},
    )


def structure_for(spec: PruningSpec, architecture: Architecture) -> Structure | None:
    """The units of a network, where a recipe's granularity asks for them and a registry knows it.

    Raises:
        NetworkError: as `structure_of`.
        PruningError: as `check_inputs`.
        RecipeError: nobody has registered the granularity.
    """
    if is_own(architecture.name):
        return None
    if takes_inputs(spec.granularity):
        check_inputs(spec, transposed_layers(blank_module(architecture)))
    return structure_of(architecture) if needs_structure(spec.granularity) else None


def _inputs(architecture: Architecture, module: nn.Module, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    blank = blank_inputs(module, (2, *architecture.input_shape))
    if takes_tokens(module):
        return torch.randint(1, architecture.channels, blank.shape, generator=generator)
    return torch.rand(blank.shape, dtype=dtype, generator=generator)


def _traced(
    module: nn.Module, inputs: Tensor, layers: Sequence[str]
) -> tuple[list[UnitGroup], dict[str, str], Tensor]:
    """Groups that may be dropped as far as the graph tells; why others may not; the outputs."""
    import torch_pruning

    heads = list(attention_heads(module))
    inside = {name for group in heads for name in group.producers(layers)}
    outputs: list[Tensor] = []

    def forward(network: nn.Module, given: Tensor) -> Tensor:
        """Keep the outputs. The graph is read off what autograd records of them."""
        outputs.append(network(given))
        return outputs[0]

    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        graph = torch_pruning.DependencyGraph()
        graph.build_dependency(module, inputs, forward_fn=forward, verbose=False)
        items = [list(group) for group in graph.get_all_groups()]
    names = {part: name for name, part in module.named_modules()}
    found: list[UnitGroup] = []
    fixed: dict[str, str] = {}
    for each in items:
        group, producers, reason = _group(each, names, graph, layers)
        # The graph sees queries, keys and values as plain layers; heads go as a whole or not at
        # all.
        if inside & set(producers):
            continue
        if group is None:
            fixed |= dict.fromkeys(producers, reason)
        else:
            found.append(group)
    return [*found, *heads], fixed, outputs[0].detach()


def _group(
    items: Iterable[Item], names: Mapping[nn.Module, str], graph: Graph, layers: Sequence[str]
) -> tuple[UnitGroup | None, list[str], str]:
    """One group of the graph; the prunable weights that give its units; why they must stay."""
    rows: dict[str, Tensor] = {}
    columns: dict[str, Tensor] = {}
    reasons = []
    for item in items:
        part = item.dep.target.module
        # A plain parameter, such as a learned position, would have to shrink with the units, and
        # nothing tells how.
        if part not in names:  # an operation, or a parameter of a module that is no layer
            if isinstance(part, nn.Parameter):
                reasons.append("a parameter of the network itself has a number for each of them")
            continue
        places = _places(item)
        reads = isinstance(part, PRUNABLE_TYPES) and not graph.is_out_channel_pruning_fn(
            item.dep.handler
        )
        obstacle = _obstacle(part, places, 1 if reads else 0)
        if obstacle:
            reasons.append(f"{names[part]} {obstacle}")
        if places is None:
            continue
        if reads:
            columns[f"{names[part]}.weight"] = places
        else:
            rows |= {f"{names[part]}.{leaf}": places for leaf in _by_unit(part)}
    producers = [name for name in layers if name in rows]
    # Nothing reads them: they are the network's outputs.
    if not columns:
        reasons.append(OUTPUTS)
    elif len({len(places) for places in [*rows.values(), *columns.values()]}) > 1:
        reasons.append("layers divide them unevenly")
    if reasons or not producers:
        return None, producers, next(iter(reasons), "")
    return UnitGroup(name=producers[0], rows=rows, columns=columns), producers, ""


def _obstacle(part: nn.Module, places: Tensor | None, axis: int) -> str:
    """Why units cannot be taken out of a module along an axis; empty where they can."""
    if places is None:
        return "divides them unevenly"
    # The graph follows no chunks of features, as of a gated linear unit.
    if isinstance(part, PRUNABLE_TYPES) and int(places.max()) >= part.weight.shape[axis]:
        return "has fewer of them than the layers before it give"
    if isinstance(part, _ConvTransposeNd):
        return "is a transposed convolution"
    if isinstance(part, _ConvNd) and part.groups not in {1, part.out_channels}:
        return "is a convolution in groups"
    if isinstance(part, (*PRUNABLE_TYPES, _NormBase)):
        return ""
    return f"is a {type(part).__name__}, which does not take them apart"


def _by_unit(part: nn.Module) -> list[str]:
    """The tensors of a module that have a row, or a number, for each unit."""
    state = part.state_dict()
    first = [len(value) for value in state.values() if value.ndim]
    return [leaf for leaf, value in state.items() if value.ndim and len(value) == first[0]]


def _places(item: Item) -> Tensor | None:
    """The places of each unit in one layer: `(units, places of each)`; None where they differ."""
    # Compared as lists, as torch-pruning has them: a tenth of the time of making tensors of them.
    if item.root_idxs == [*range(len(item.root_idxs))]:  # as in most layers
        if item.idxs == item.root_idxs:
            return torch.arange(len(item.idxs)).view(-1, 1)
        return torch.tensor(item.idxs).view(-1, 1)
    roots, places = torch.tensor(item.root_idxs), torch.tensor(item.idxs)
    # Stable: places of one unit stay in the order in which the layer has them, as flattened
    # channels do.
    order = torch.argsort(roots, stable=True)
    units, counts = torch.unique_consecutive(roots[order], return_counts=True)
    even = bool((counts == counts[0]).all()) and torch.equal(units, torch.arange(len(units)))
    return places[order].view(len(units), -1) if even else None
