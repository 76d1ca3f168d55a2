"""Controls with the mask of the ticket over other weights."""

from __future__ import annotations

import torch
from torch import Tensor

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.pruning.controls import permuted
from ticket_hub.pruning.signs import random_signs as with_random_signs
from ticket_hub.seeds import derive_seed
from ticket_hub.transfer.controls import Pair, register_control
from ticket_hub.types import Weights


@register_control("reinit", look=("vermillion", "s", "--"))
def reinit(ticket: TicketContent, fresh: Weights) -> Pair:
    """The same mask over fresh weights."""
    return fresh, ticket.mask


@register_control("reinit-same-sign", look=("orange", "^", "--"))
def reinit_same_sign(ticket: TicketContent, fresh: Weights) -> Pair:
    """Fresh sizes with the signs of theta0."""
    signed = {
        name: torch.copysign(fresh[name], ticket.theta0[name].to(fresh[name].device))
        for name in ticket.mask
    }
    return {**fresh, **signed}, ticket.mask


@register_control("random-signs", look=("orange", "v", "-"))
def random_signs(ticket: TicketContent, begun: Weights, seed: int) -> Pair:
    """The same mask and the sizes that the ticket begins with, under random signs."""
    return with_random_signs(begun, ticket.mask, seed), ticket.mask


@register_control("shuffled-pretrained", look=("green", "h", ":"))
def shuffled_pretrained(ticket: TicketContent, dense: Weights, seed: int) -> Pair:
    """The same mask over theta0 whose values are permuted within each prunable layer.

    It has the distribution of the pretrained weights and nothing else of them (Chen et al. 2020).
    """
    values = {name: permuted(dense[name], seed, name) for name in ticket.mask}
    return {**dense, **values}, ticket.mask


@register_control("resample", look=("orange", "h", "--"))
def resample(ticket: TicketContent, fresh: Weights, seed: int) -> Pair:
    """The same mask over values drawn anew from the survivors' own, layer by layer.

    Each kept weight takes the value of a survivor of its layer, with replacement: the distribution
    stays, and which weight has which value does not (Frankle & Carbin 2019, appendix F). Dropped
    weights, which nothing reads, are fresh.
    """
    ticket.demand_values()
    values = {
        name: _drawn_anew(ticket.theta0[name], keep, fresh[name], derive_seed(seed, name))
        for name, keep in ticket.mask.items()
    }
    return {**fresh, **values}, ticket.mask


def _drawn_anew(theta0: Tensor, keep: Tensor, fresh: Tensor, seed: int) -> Tensor:
    survivors = theta0[keep].cpu()
    if not len(survivors):
        return fresh
    # On the CPU: from one seed, generators of other devices draw other numbers.
    generator = torch.Generator().manual_seed(seed)
    drawn = survivors[torch.randint(len(survivors), (len(survivors),), generator=generator)]
    values = fresh.clone()
    values[keep.to(fresh.device)] = drawn.to(fresh.device)
    return values


@register_control("mask-only", look=("sky", "P", ":"))
def mask_only(ticket: TicketContent, fresh: Weights) -> Pair:
    """As `reinit`; its seed is that of the target's own search: see `ExperimentSpec`."""
    return fresh, ticket.mask
