"""Controls with other masks than the ticket's."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace

import torch

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.networks import outline
from ticket_hub.pruning import full_mask, random_mask, random_mask_like, shuffled_mask
from ticket_hub.pruning.distribution import shared_out
from ticket_hub.pruning.granularity_base import AnyGranularity
from ticket_hub.pruning.masks import kept_by_layer
from ticket_hub.recipe.pruning_spec import LAYER_KINDS
from ticket_hub.transfer.controls import Pair, register_control
from ticket_hub.types import Mask, PrunableLayer, Weights


@register_control("shuffle", look=("green", "D", "-."))
def shuffle(ticket: TicketContent, dense: Weights, seed: int, granularity: AnyGranularity) -> Pair:
    """The mask shuffled within each layer, over the dense theta0.

    What was pruned as one is moved as one: units in all layers that they run through, and inputs
    within their blocks.
    """
    mask = shuffled_mask(ticket.mask, seed, granularity)
    assert kept_by_layer(mask) == kept_by_layer(ticket.mask), "a shuffle keeps the counts"
    if ticket.density < 1:
        same = all(bool((keep == ticket.mask[name]).all()) for name, keep in mask.items())
        assert not same, "a shuffle that is the ticket controls nothing"
    return dense, mask


@register_control("permuted", look=("vermillion", "D", "--"))
def permuted(fresh: Weights, matched: Mask) -> Pair:
    """Fresh weights under the mask with its units where theirs are (Adnan et al. 2025).

    The dense network is trained from theta0 and from these fresh weights, and the units of both are
    matched by their activations.
    """
    return fresh, matched


@register_control("random", look=("purple", "v", ":"))
def random(ticket: TicketContent, fresh: Weights, seed: int, granularity: AnyGranularity) -> Pair:
    """Fresh weights under a random mask with as many weights, units or inputs in each layer."""
    return fresh, random_mask_like(ticket.mask, seed, granularity)


@register_control("random-erk", look=("purple", "<", "-."))
def random_erk(ticket: TicketContent, fresh: Weights, seed: int) -> Pair:
    """Fresh weights under a random mask whose layers are as dense as ERK makes them.

    As many weights in all; what the ticket leaves dense stays dense (Evci et al. 2020).
    """
    return fresh, _random_by("erk", ticket, seed)


@register_control("random-smart", look=("purple", "^", "-"))
def random_smart(ticket: TicketContent, fresh: Weights, seed: int) -> Pair:
    """Fresh weights under a random mask whose layers are as dense as smart ratios make them.

    As many weights in all; what the ticket leaves dense stays dense (Su et al. 2020).
    """
    return fresh, _random_by("smart-ratio", ticket, seed)


def _random_by(distribution: str | None, ticket: TicketContent, seed: int) -> Mask:
    """As many weights at random; without a distribution wherever they fall in all layers."""
    names = list(ticket.mask)
    pruned = [
        PrunableLayer(
            name=name,
            # A mask does not say kinds, and distributions ask for the output alone, here the last.
            kind="output" if name == names[-1] else "conv",
            shape=tuple(keep.shape),
        )
        for name, keep in ticket.mask.items()
        if not bool(keep.all())
    ]
    whole: Mask = {name: torch.ones_like(keep) for name, keep in ticket.mask.items()}
    if not pruned:
        return whole
    kept = sum(int(ticket.mask[layer.name].sum()) for layer in pruned)
    counts = kept if distribution is None else shared_out(distribution, pruned, kept)
    return {**whole, **random_mask(pruned, counts, seed)}


@register_control("random-sparsity", look=("purple", "X", "--"))
def random_sparsity(ticket: TicketContent, fresh: Weights, seed: int) -> Pair:
    """Fresh weights under a random mask with as many weights in all, wherever they fall.

    The layers' densities are then those of chance; what the ticket leaves dense stays dense.
    """
    return fresh, _random_by(None, ticket, seed)


@register_control("random-labels", look=("orange", "s", "-."))
def random_labels(dense: Weights, rescored: Callable[[str], Mask]) -> Pair:
    """The dense theta0 under the mask that scores of random labels give (Su et al. 2020)."""
    return dense, rescored("random-labels")


@register_control("random-pixels", look=("orange", "D", ":"))
def random_pixels(dense: Weights, rescored: Callable[[str], Mask]) -> Pair:
    """The dense theta0 under the mask that scores of shuffled pixels give (Su et al. 2020)."""
    return dense, rescored("random-pixels")


@register_control("invert", look=("green", ">", "--"))
def invert(
    ticket: TicketContent, dense: Weights, scores: Weights, granularity: AnyGranularity
) -> Pair:
    """The dense theta0 under a mask of the lowest scores, as many in each layer.

    Of units as many in each group, and of inputs as many in each block, of the lowest scores.
    """
    layers = outline(ticket.architecture).layers
    each, whole = copy(granularity), full_mask(layers)
    # Each layer by itself, at whatever rate: how many go is the ticket's.
    rates = dict.fromkeys(LAYER_KINDS, 0.5)
    each.spec = replace(granularity.spec, scope="layerwise", rates=rates, layer_rates={})
    drops = [
        (group, each.entries(group, whole) - each.entries(group, ticket.mask))
        for group in each.groups(layers)
    ]
    return dense, each.prune({name: -score for name, score in scores.items()}, whole, drops)
