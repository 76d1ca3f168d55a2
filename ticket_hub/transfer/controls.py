"""The networks of an experiment, each a pure function of a ticket and a seed.

A control is one function with a decorator. It declares what it needs by the names of its
parameters, and returns the whole state dict and the mask that a network begins with:

- `ticket`: architecture, mask, theta0;
- `dense`: the whole theta0; a bundle with survivors only is refused;
- `fresh`: weights drawn by the target's rule and the control's own seed;
- `pretrained`: the weights that the search began with, where it began with such; its head is drawn
  by the control's own seed;
- `trained`: the dense network of the trial at the end of its training, which is then trained first;
- `scope`: how the search that found the ticket ranked weights, `layerwise` or `global`;
- `rescored`: gives, of `random-labels` or `random-pixels`, the mask that the search would have
  found had it scored theta0 on such examples;
- `scores`: those of the dense theta0, where the search ranked by them (`pruning.when`);
- `granularity`: what it kept or dropped as one (`ticket_hub.pruning.AnyGranularity`);
- `seed`: of whatever else is drawn.

    @register_control("reinit-positive")
    def reinit_positive(ticket, fresh):
        positive = {name: fresh[name].abs() for name in ticket.mask}
        return {**fresh, **positive}, ticket.mask

Beside a ticket that was rewound to iteration k, fresh and pretrained weights are trained for k
iterations first, under their mask; see `ticket_hub.transfer.first_steps`. Statistics of norms begin
anew, except those of `finetune`, which was trained before. It then trains on for the budget again,
with the schedule from its beginning (learning-rate rewinding, Renda et al. 2020, is no worse than
their fine-tuning at the last rate): twice the budget of all others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ParamSpec, TypeAlias, TypeVar

import torch
from torch import Tensor

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.content_id import content_digest
from ticket_hub.durable import canonical_json
from ticket_hub.errors import EvidenceError, PluginError, RecipeError
from ticket_hub.networks import initialize, outline, with_fresh_statistics
from ticket_hub.pruning import full_mask, random_mask, random_mask_like, shuffled_mask
from ticket_hub.pruning.controls import permuted
from ticket_hub.pruning.distribution import shared_out
from ticket_hub.pruning.granularity import AnyGranularity, granularity_of
from ticket_hub.pruning.masks import check_alignment, kept_by_layer
from ticket_hub.pruning.select import drop_lowest
from ticket_hub.recipe import NetworkSpec, PruningSpec
from ticket_hub.recipe.axes import COLORS, CONTROLS
from ticket_hub.recipe.own import is_own
from ticket_hub.registry import needs, supply, there_are
from ticket_hub.seeds import derive_seed
from ticket_hub.structured.dependencies import structure_for
from ticket_hub.transfer.spec import TICKET
from ticket_hub.types import Mask, PrunableLayer, Weights

__all__ = [
    "CONTROLS",
    "Start",
    "asks",
    "check_controls",
    "is_untrained",
    "make_start",
    "register_control",
]

MARKERS, LINES = ("o", "s", "D", "v", "^", "<", ">", "P", "X", "h", "*", ""), ("-", "--", "-.", ":")
NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)

Pair: TypeAlias = tuple[Weights, Mask]
Maker: TypeAlias = Callable[..., Pair]
M = TypeVar("M", bound=Maker)
P = ParamSpec("P")
R = TypeVar("R")


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
    pruning: PruningSpec | None = None,
    pretrained: Weights | None = None,
    scores: Callable[[], Weights] | None = None,
    rescored: Callable[[str], Mask] | None = None,
    draw: Callable[[int], Weights] | None = None,
) -> Start:
    """Make one network of an experiment.

    Args:
        control: `ticket`, or a name from `CONTROLS`.
        ticket: what the control is of; for `own`, the target's own ticket.
        network: its rule draws fresh weights.
        seed: of everything that is drawn.
        trained: the dense network's weights at the end of its training, for controls that ask.
        pruning: of the search that found the ticket; unknown, its masks are of weights.
        pretrained: the weights that the search began with, for controls that ask.
        scores: gives those of theta0, for controls that ask.
        rescored: gives the mask of other scoring examples, for controls that ask.
        draw: gives fresh weights from a seed, of a network that its author's own loop trains; then
            statistics of norms are left as they are.

    Raises:
        RecipeError: there is no such control.
        EvidenceError: the control needs dense weights, and the ticket has survivors only; or
            pretrained weights, and the search began with fresh ones.
        PruningError: no other mask can be found.
        MaskMismatchError: the control made a mask that is not of its weights.
        PluginError: the function of a control returned something else than weights and a mask.
    """
    check_controls([control])
    spec = pruning or PruningSpec()
    given = {
        "ticket": ticket,
        "dense": lambda: _dense_theta0(ticket, control),
        "fresh": lambda: draw(seed) if draw else initialize(ticket.architecture, network, seed),
        "trained": lambda: _trained(trained, control),
        "pretrained": lambda: _pretrained(pretrained, control),
        "scope": spec.scope,
        "scores": lambda: _known(scores, control)(),  # noqa: PLW0108 - refused when asked
        "rescored": lambda: _known(rescored, control),
        "granularity": lambda: granularity_of(spec, structure_for(spec, ticket.architecture)),
        "seed": seed,
    }
    maker = _ticket if control == TICKET else CONTROLS.get(control)
    known = {need: value() if callable(value := given[need]) else value for need in needs(maker)}
    weights, mask = _pair(supply(maker, known), control)
    if draw is None and (trained is None or "trained" not in known):
        weights = with_fresh_statistics(ticket.architecture, weights)
    if lacking := [name for name in ticket.theta0 if name not in weights]:
        raise PluginError(
            f"The control {control!r} lacks the weights {', '.join(lacking[:3])}.",
            "Let its function return the whole state dict.",
        )
    check_alignment(weights, mask)
    drawn = "fresh" in known or "seed" in known
    return Start(weights=weights, mask=mask, seed=seed if drawn else None)


def register_control(name: str, *, look: tuple[str, str, str] | None = None) -> Callable[[M], M]:
    """Register a function that makes a control of a ticket; see the module's docstring.

    The claim about it is that the ticket is better.

    Args:
        look: how figures draw it: one of `ticket_hub.recipe.axes.COLORS`, and a marker and a line
            of matplotlib, such as `("green", "D", "-.")`; without it, by its place in a figure.

    Raises:
        PluginError: the name has other characters than small letters, digits and dashes, the look
            cannot be, or the function asks for something else.
    """
    if name == TICKET or not NAME.fullmatch(name):
        raise PluginError(
            f"A control cannot be called {name!r}.",
            "Give it a name of small letters, digits and dashes, such as `my-control`.",
        )
    if look is None:
        return CONTROLS.register(name)
    color, marker, line = look
    if color not in COLORS or marker not in MARKERS or line not in LINES:
        raise PluginError(
            f"The control {name!r} cannot be drawn as {look!r}.",
            f"Give a colour ({', '.join(COLORS)}), a marker ({' '.join(MARKERS)}) and a line "
            f"({' '.join(LINES)}).",
        )
    return CONTROLS.register(name, look=look)


def asks(control: str, need: str) -> bool:
    """Whether a control, or the ticket, needs something, such as `fresh` or `trained` weights.

    Raises:
        RecipeError: nobody has registered the control.
    """
    return control != TICKET and need in needs(CONTROLS.get(control))


def is_untrained(control: str) -> bool:
    """Whether a control begins where the search did, with fresh or pretrained weights."""
    return asks(control, "fresh") or asks(control, "pretrained")


def check_controls(names: list[str]) -> None:
    """Refuse names that no control has.

    Raises:
        RecipeError: the nearest name is given.
    """
    for name in names:
        if name != TICKET and name not in CONTROLS:
            raise RecipeError(f"There is no control {name[:100]!r}.", there_are(name, CONTROLS))


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


@register_control("shuffled-pretrained", look=("green", "h", ":"))
def shuffled_pretrained(ticket: TicketContent, dense: Weights, seed: int) -> Pair:
    """The same mask over theta0 whose values are permuted within each prunable layer.

    It has the distribution of the pretrained weights and nothing else of them (Chen et al. 2020).
    """
    values = {name: permuted(dense[name], seed, name) for name in ticket.mask}
    return {**dense, **values}, ticket.mask


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
            name=name, kind="output" if name == names[-1] else "conv", shape=tuple(keep.shape)
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


@register_control("random-labels", look=("orange", "s", "-."))
def random_labels(dense: Weights, rescored: Callable[[str], Mask]) -> Pair:
    """The dense theta0 under the mask that scores of random labels give (Su et al. 2020)."""
    return dense, rescored("random-labels")


@register_control("random-pixels", look=("orange", "D", ":"))
def random_pixels(dense: Weights, rescored: Callable[[str], Mask]) -> Pair:
    """The dense theta0 under the mask that scores of shuffled pixels give (Su et al. 2020)."""
    return dense, rescored("random-pixels")


@register_control("random-sparsity", look=("purple", "X", "--"))
def random_sparsity(ticket: TicketContent, fresh: Weights, seed: int) -> Pair:
    """Fresh weights under a random mask with as many weights in all, wherever they fall.

    The layers' densities are then those of chance; what the ticket leaves dense stays dense.
    """
    return fresh, _random_by(None, ticket, seed)


@register_control("resample", look=("orange", "h", "--"))
def resample(ticket: TicketContent, fresh: Weights, seed: int) -> Pair:
    """The same mask over values drawn anew from the survivors' own, layer by layer.

    Each kept weight takes the value of a survivor of its layer, with replacement: the distribution
    stays, and which weight has which value does not (Frankle & Carbin 2019, appendix F). Dropped
    weights, which nothing reads, are fresh.
    """
    values = {
        name: _drawn_anew(ticket.theta0[name], keep, fresh[name], derive_seed(seed, name))
        for name, keep in ticket.mask.items()
    }
    return {**fresh, **values}, ticket.mask


def _drawn_anew(theta0: Tensor, keep: Tensor, fresh: Tensor, seed: int) -> Tensor:
    survivors = theta0[keep].cpu()
    if not len(survivors):
        return fresh
    generator = torch.Generator().manual_seed(seed)
    drawn = survivors[torch.randint(len(survivors), (len(survivors),), generator=generator)]
    values = fresh.clone()
    values[keep.to(fresh.device)] = drawn.to(fresh.device)
    return values


@register_control("invert", look=("green", ">", "--"))
def invert(ticket: TicketContent, dense: Weights, scores: Weights) -> Pair:
    """The dense theta0 under a mask of the lowest scores, as many in each layer."""
    mask: Mask = {name: torch.ones_like(keep) for name, keep in ticket.mask.items()}
    for name, keep in ticket.mask.items():
        mask = drop_lowest({name: -scores[name]}, mask, int((~keep).sum()))
    return dense, mask


@register_control("mask-only", look=("sky", "P", ":"))
def mask_only(ticket: TicketContent, fresh: Weights) -> Pair:
    """As `reinit`; its seed is that of the target's own search: see `ExperimentSpec`."""
    return fresh, ticket.mask


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


def _ticket(ticket: TicketContent) -> Pair:
    return ticket.theta0, ticket.mask


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


def _trained(trained: Weights | None, control: str) -> Weights:
    if trained is None:
        raise EvidenceError(
            f"The control {control!r} begins from a trained dense network.", "Train that first."
        )
    return trained


def _pretrained(pretrained: Weights | None, control: str) -> Weights:
    if pretrained is None:
        raise EvidenceError(
            f"The control {control!r} needs pretrained weights, and this search began with fresh "
            "ones.",
            f"Leave out {control!r}.",
        )
    return pretrained


def _known(scores: Callable[P, R] | None, control: str) -> Callable[P, R]:
    if scores is None:
        raise EvidenceError(
            f"The control {control!r} needs the scores of theta0, and they are not known here.",
            f"Leave out {control!r}.",
        )
    return scores


def _pair(made: object, control: str) -> Pair:
    match made:
        case (Mapping() as weights, Mapping() as mask):
            return weights, mask
    raise PluginError(
        f"The function of the control {control!r} returned a {type(made).__name__}.",
        "Let it return two tables: the whole state dict, and the mask.",
    )
