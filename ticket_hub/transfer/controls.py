"""The networks of an experiment, each a pure function of a ticket and a seed.

| control | weights | mask |
|---|---|---|
| `ticket` | theta0 | the ticket's |
| `dense` | dense theta0 | all |
| `reinit` | fresh | the ticket's |
| `reinit-same-sign` | fresh sizes, signs of theta0 | the ticket's |
| `shuffle` | dense theta0 | the ticket's, shuffled within each layer |
| `random` | fresh | random, with the ticket's number of weights in each layer |
| `mask-only` | the initialization that the target's own search begins with | the ticket's |
| `finetune` | the dense network's, trained for the whole budget | their largest: see `_finetune` |
| `own` | theta0 of the ticket that was found on the target | that ticket's |

Beside a ticket that was rewound to iteration k, fresh weights are trained for k iterations first,
under their mask; see `ticket_hub.transfer.first_steps`. Statistics of norms begin anew, except
those of `finetune`, which was trained before. It then trains on for the budget again, with the
schedule from its beginning (learning-rate rewinding, Renda et al. 2020, is no worse than their
fine-tuning at the last rate): twice the budget of all others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TypeAlias

import torch

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.content_id import content_digest
from ticket_hub.durable import canonical_json
from ticket_hub.errors import EvidenceError, RecipeError
from ticket_hub.networks import initialize, outline, with_fresh_statistics
from ticket_hub.pruning import full_mask, random_mask_like, shuffled_mask
from ticket_hub.pruning.masks import check_alignment, kept_by_layer
from ticket_hub.pruning.select import drop_lowest
from ticket_hub.recipe import NetworkSpec
from ticket_hub.registry import there_are
from ticket_hub.transfer.spec import DENSE, FINETUNE, OWN, TICKET
from ticket_hub.types import Mask, Weights

__all__ = ["CONTROLS", "FRESH", "Start", "check_controls", "make_start"]

Pair: TypeAlias = tuple[Weights, Mask]
Maker: TypeAlias = Callable[[TicketContent, NetworkSpec, int], Pair]


@dataclass(frozen=True, kw_only=True, eq=False)
class Start:
    """What a member begins with.

    Attributes:
        weights: the whole state dict; what the mask drops is set to 0 when training begins.
        mask: what may train.
        seed: what was drawn with; None where nothing was.
    """

    weights: Weights
    mask: Mask
    seed: int | None

    @cached_property
    def digest(self) -> str:
        """The sha256 over what it begins with: the mask, and the weights that it keeps."""
        kept = {
            name: torch.where(self.mask[name].to(values.device), values, 0.0)
            if name in self.mask
            else values
            for name, values in self.weights.items()
        }
        both = [content_digest(kept), content_digest(self.mask)]
        return hashlib.sha256(canonical_json(both)).hexdigest()


def make_start(
    control: str,
    ticket: TicketContent,
    network: NetworkSpec,
    seed: int,
    *,
    trained: Weights | None = None,
    scope: str = "layerwise",
) -> Start:
    """Make one network of an experiment.

    Args:
        control: `ticket`, or a name from `CONTROLS`.
        ticket: what the control is of; for `own`, the target's own ticket.
        network: its rule draws fresh weights.
        seed: of everything that is drawn.
        trained: the dense network's weights at the end of its training, for `finetune`.
        scope: how `finetune` ranks weights: `layerwise` or `global`.

    Raises:
        RecipeError: there is no such control.
        EvidenceError: the control needs dense weights, and the ticket has survivors only.
        PruningError: no other mask can be found.
    """
    check_controls([control])
    if control == FINETUNE:
        weights, mask = _finetune(ticket, trained, scope)
    else:
        weights, mask = _MAKERS[control](ticket, network, seed)
        weights = with_fresh_statistics(ticket.architecture, weights)
    check_alignment(weights, mask)
    return Start(weights=weights, mask=mask, seed=None if control in _GIVEN else seed)


def check_controls(names: list[str]) -> None:
    """Refuse names that no control has.

    Raises:
        RecipeError: the nearest name is given.
    """
    for name in names:
        if name not in {TICKET, *CONTROLS}:
            raise RecipeError(f"There is no control {name[:100]!r}.", there_are(name, CONTROLS))


def _ticket(ticket: TicketContent, _network: NetworkSpec, _seed: int) -> Pair:
    return ticket.theta0, ticket.mask


def _dense(ticket: TicketContent, _network: NetworkSpec, _seed: int) -> Pair:
    _refuse_survivors(ticket, DENSE)
    return ticket.theta0, full_mask(outline(ticket.architecture).layers)


def _reinit(ticket: TicketContent, network: NetworkSpec, seed: int) -> Pair:
    return initialize(ticket.architecture, network, seed), ticket.mask


def _reinit_same_sign(ticket: TicketContent, network: NetworkSpec, seed: int) -> Pair:
    fresh = initialize(ticket.architecture, network, seed)
    signed = {
        name: torch.copysign(fresh[name], ticket.theta0[name].to(fresh[name].device))
        for name in ticket.mask
    }
    return {**fresh, **signed}, ticket.mask


def _shuffle(ticket: TicketContent, _network: NetworkSpec, seed: int) -> Pair:
    _refuse_survivors(ticket, "shuffle")
    mask = shuffled_mask(ticket.mask, seed)
    assert kept_by_layer(mask) == kept_by_layer(ticket.mask), "a shuffle keeps the counts"
    if ticket.density < 1:
        same = all(bool((keep == ticket.mask[name]).all()) for name, keep in mask.items())
        assert not same, "a shuffle that is the ticket controls nothing"
    return ticket.theta0, mask


def _random(ticket: TicketContent, network: NetworkSpec, seed: int) -> Pair:
    return initialize(ticket.architecture, network, seed), random_mask_like(ticket.mask, seed)


def _finetune(ticket: TicketContent, trained: Weights | None, scope: str) -> Pair:
    """The trained weights under a mask of the largest, as many as the ticket keeps.

    What the ticket leaves dense stays dense. The other layers are ranked each by itself, so that
    each keeps as many weights as the ticket's, or, with the scope `global`, all together.
    """
    if trained is None:
        raise EvidenceError(
            "The control 'finetune' begins from a trained dense network.", "Train that first."
        )
    mask: Mask = {name: torch.ones_like(keep) for name, keep in ticket.mask.items()}
    pruned = [name for name, keep in ticket.mask.items() if not bool(keep.all())]
    for names in [pruned] if scope == "global" else [[name] for name in pruned]:
        drop = sum(int((~ticket.mask[name]).sum()) for name in names)
        mask = drop_lowest({name: trained[name].abs() for name in names}, mask, drop)
    return trained, mask


def _refuse_survivors(ticket: TicketContent, control: str) -> None:
    """Refuse weights that a mask has been at already: where it drops, everything is 0."""
    dropped = [ticket.theta0[name][~keep] for name, keep in ticket.mask.items()]
    masked = any(map(len, dropped)) and not any(bool(values.any()) for values in dropped)
    if masked or not ticket.dense:
        raise EvidenceError(
            f"The control {control!r} needs dense theta0, and this ticket has its survivors only.",
            f"Leave out {control!r}, or take a bundle that was written with dense theta0.",
        )


_MAKERS: Mapping[str, Maker] = MappingProxyType(
    {
        TICKET: _ticket,
        DENSE: _dense,
        "reinit": _reinit,
        "reinit-same-sign": _reinit_same_sign,
        "shuffle": _shuffle,
        "random": _random,
        "mask-only": _reinit,
        OWN: _ticket,
    }
)
FRESH = frozenset({"reinit", "reinit-same-sign", "random", "mask-only"})
"""Controls whose weights nobody has trained yet."""
_GIVEN = frozenset({TICKET, DENSE, FINETUNE, OWN})
"""What nothing is drawn for."""

CONTROLS: tuple[str, ...] = (
    *(name for name in _MAKERS if name not in {TICKET, OWN}),
    FINETUNE,
    OWN,
)
"""What a ticket can be compared with."""
