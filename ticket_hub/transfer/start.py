"""What each network of an experiment begins with: a pure function of a ticket and a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import torch

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.content_id import content_digest
from ticket_hub.durable import canonical_json
from ticket_hub.errors import EvidenceError, PluginError
from ticket_hub.networks import initialize, with_fresh_statistics
from ticket_hub.pruning.granularity import granularity_of
from ticket_hub.pruning.masks import check_alignment
from ticket_hub.pruning.signs import signed_weights
from ticket_hub.recipe import NetworkSpec, PruningSpec
from ticket_hub.recipe.axes import CONTROLS
from ticket_hub.registry import needs, supply
from ticket_hub.structured.dependencies import structure_for
from ticket_hub.transfer.controls import Pair, check_controls
from ticket_hub.transfer.spec import TICKET
from ticket_hub.types import Mask, Weights

__all__ = ["Start", "StartSources", "make_start"]

T = TypeVar("T")


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


@dataclass(frozen=True, kw_only=True, eq=False)
class StartSources:
    """What controls may ask for beside their ticket; None where it is not had here.

    Attributes:
        trained: the dense network's weights at the end of its training.
        pruning: of the search that found the ticket; unknown, its masks are of weights.
        pretrained: the weights that the search began with.
        scores: gives those of theta0.
        rescored: gives the mask of other scoring examples.
        draw: gives fresh weights from a seed, of a network that its author's own loop trains; then
            statistics of norms are left as they are.
        signed: draws the sizes that the ticket begins with, under its signs; None: with theta0.
        matched: gives the mask whose units are those of a network from fresh weights.
    """

    trained: Weights | None = None
    pruning: PruningSpec | None = None
    pretrained: Weights | None = None
    scores: Callable[[], Weights] | None = None
    rescored: Callable[[str], Mask] | None = None
    draw: Callable[[int], Weights] | None = None
    signed: int | None = None
    matched: Callable[[], Mask] | None = None


_NOTHING = StartSources()


def make_start(
    control: str,
    ticket: TicketContent,
    network: NetworkSpec,
    seed: int,
    sources: StartSources = _NOTHING,
) -> Start:
    """Make one network of an experiment.

    Args:
        control: `ticket`, or a name from `CONTROLS`.
        ticket: what the control is of; for `own`, the target's own ticket.
        network: its rule draws fresh weights.
        seed: of everything that is drawn.
        sources: what the control may ask for beside these.

    Raises:
        RecipeError: there is no such control.
        EvidenceError: the control needs dense weights, and the ticket has survivors only; or
            pretrained weights, and the search began with fresh ones.
        PruningError: no other mask can be found.
        MaskMismatchError: the control made a mask that is not of its weights.
        PluginError: the function of a control returned something else than weights and a mask.
    """
    if control != TICKET:
        check_controls([control])
    maker = _ticket if control == TICKET else CONTROLS.get(control)
    given = _suppliers(control, ticket, network, seed, sources)
    # Only what it asks for: the others may be refused, or cost a training.
    known = {need: given[need]() for need in needs(maker)}
    weights, mask = _pair(supply(maker, known), control)
    # Weights that were trained here go on with their statistics; of an author's own network nobody
    # here knows which tensors are statistics.
    if sources.draw is None and (sources.trained is None or "trained" not in known):
        weights = with_fresh_statistics(ticket.architecture, weights)
    if lacking := [name for name in ticket.theta0 if name not in weights]:
        raise PluginError(
            f"The control {control!r} lacks the weights {', '.join(lacking[:3])}.",
            "Let its function return the whole state dict.",
        )
    check_alignment(weights, mask)
    # The seed is on record only where something was drawn by it.
    if "fresh" in known or "seed" in known:
        return Start(weights=weights, mask=mask, seed=seed)
    return Start(weights=weights, mask=mask, seed=sources.signed if "begun" in known else None)


def _suppliers(
    control: str, ticket: TicketContent, network: NetworkSpec, seed: int, sources: StartSources
) -> Mapping[str, Callable[[], Any]]:
    """What the function of a control may name as a parameter -> what gives it, or refuses."""
    spec = sources.pruning or PruningSpec()
    leave_out = f"Leave out {control!r}."
    no_scores = f"The control {control!r} needs the scores of theta0, and they are not known here."
    no_matching = (
        f"The control {control!r} needs two dense networks that were trained before, and they are "
        "not had here."
    )

    def fresh(seed: int) -> Weights:
        """A new initialization from a seed."""
        if sources.draw is not None:
            return sources.draw(seed)
        return initialize(ticket.architecture, network, seed)

    def begun() -> Weights:
        """What the ticket begins from: theta0, or its signs with fresh sizes."""
        if sources.signed is None:
            return ticket.theta0
        return signed_weights(ticket.theta0, ticket.mask, fresh(sources.signed))

    return {
        "ticket": lambda: ticket,
        "dense": lambda: _dense_theta0(ticket, control),
        "fresh": lambda: fresh(seed),
        "begun": begun,
        "matched": lambda: _given(sources.matched, no_matching, leave_out)(),  # noqa: PLW0108 - refused when asked
        "trained": lambda: _given(
            sources.trained,
            f"The control {control!r} begins from a trained dense network.",
            "Train that first.",
        ),
        "pretrained": lambda: _given(
            sources.pretrained,
            f"The control {control!r} needs pretrained weights, and this search began with fresh "
            "ones.",
            leave_out,
        ),
        "scope": lambda: spec.scope,
        "scores": lambda: _given(sources.scores, no_scores, leave_out)(),  # noqa: PLW0108 - when asked
        "rescored": lambda: _given(sources.rescored, no_scores, leave_out),
        "granularity": lambda: granularity_of(spec, structure_for(spec, ticket.architecture)),
        "seed": lambda: seed,
    }


def _ticket(ticket: TicketContent, begun: Weights) -> Pair:
    return begun, ticket.mask


def _dense_theta0(ticket: TicketContent, control: str) -> Weights:
    """Refuse weights that a mask has been at already: where it drops, everything is 0."""
    dropped = [ticket.theta0[name][~keep] for name, keep in ticket.mask.items()]
    masked = any(map(len, dropped)) and not any(bool(values.any()) for values in dropped)
    if masked or not ticket.dense:
        raise EvidenceError(
            f"The control {control!r} needs dense theta0, and this ticket has its survivors only.",
            f"Leave out {control!r}, or take a bundle that was written with dense theta0.",
        )
    return ticket.theta0


def _given(value: T | None, problem: str, remedy: str) -> T:
    if value is None:
        raise EvidenceError(problem, remedy)
    return value


def _pair(made: object, control: str) -> Pair:
    match made:
        case (Mapping() as weights, Mapping() as mask):
            return weights, mask
    raise PluginError(
        f"The function of the control {control!r} returned a {type(made).__name__}.",
        "Let it return two tables: the whole state dict, and the mask.",
    )
