"""References: what somebody would use instead of the ticket."""

from __future__ import annotations

import torch

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.networks import outline
from ticket_hub.pruning import full_mask
from ticket_hub.pruning.granularity_base import AnyGranularity
from ticket_hub.pruning.select import drop_lowest
from ticket_hub.recipe.own import is_own
from ticket_hub.transfer.controls import Pair, register_control
from ticket_hub.types import Mask, Weights


@register_control("dense", look=("ink", "", "--"))
def dense(ticket: TicketContent, dense: Weights) -> Pair:
    """The network that the ticket is a part of."""
    if is_own(ticket.architecture.name):  # its masks name all layers that may be pruned
        return dense, {name: torch.ones_like(keep) for name, keep in ticket.mask.items()}
    return dense, full_mask(outline(ticket.architecture).layers)


@register_control("dense-pretrained", look=("ink", "", ":"))
def dense_pretrained(ticket: TicketContent, dense: Weights, pretrained: Weights) -> Pair:
    """The dense network with the pretrained weights themselves.

    Beside a ticket that was not rewound it is `dense`, whose theta0 these are.
    """
    return pretrained if ticket.start else dense, full_mask(outline(ticket.architecture).layers)


@register_control("finetune", look=("ink", "X", "-."))
def finetune(
    ticket: TicketContent, trained: Weights, scope: str, granularity: AnyGranularity
) -> Pair:
    """The trained weights under a mask of the largest, as many as the ticket keeps.

    What the ticket leaves dense stays dense. The other layers are ranked each by itself, so that
    each keeps as many weights as the ticket's, or, with the scope `global`, all together. What was
    pruned as one is ranked as one.
    """
    if granularity.name != "weight":
        layers = outline(ticket.architecture).layers
        drops = [
            (group, group.size - granularity.entries(group, ticket.mask))
            for group in granularity.groups(layers)
        ]
        sizes = {layer.name: trained[layer.name].abs().cpu() for layer in layers}
        return trained, granularity.prune(sizes, full_mask(layers), drops)
    mask: Mask = {name: torch.ones_like(keep) for name, keep in ticket.mask.items()}
    pruned = [name for name, keep in ticket.mask.items() if not bool(keep.all())]
    for names in [pruned] if scope == "global" else [[name] for name in pruned]:
        drop = sum(int((~ticket.mask[name]).sum()) for name in names)
        mask = drop_lowest({name: trained[name].abs() for name in names}, mask, drop)
    return trained, mask


@register_control("own", look=("sky", "*", "-"))
def own(ticket: TicketContent) -> Pair:
    """The ticket that was found on the target."""
    return ticket.theta0, ticket.mask
