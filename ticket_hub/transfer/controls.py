"""Controls: networks that a ticket is compared with, each a pure function of a ticket and a seed.

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
- `begun`: the whole state dict that the ticket itself begins with: theta0, or its signs over fresh
  sizes;
- `matched`: the ticket's mask with its units where they are in a network from fresh weights, after
  both dense networks were trained; see `ticket_hub.structured.matching`;
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

import re
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from ticket_hub.errors import PluginError, RecipeError
from ticket_hub.recipe.axes import COLORS, CONTROLS
from ticket_hub.registry import needs, there_are
from ticket_hub.transfer.spec import DENSE, DENSE_REINIT, MASK_ONLY, TICKET
from ticket_hub.types import Mask, Weights

__all__ = [
    "CONTROLS",
    "Pair",
    "asks",
    "bases_of",
    "check_controls",
    "is_drawn",
    "is_untrained",
    "register_control",
]

MARKERS, LINES = ("o", "s", "D", "v", "^", "<", ">", "P", "X", "h", "*", ""), ("-", "--", "-.", ":")
NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)

Pair: TypeAlias = tuple[Weights, Mask]
Maker: TypeAlias = Callable[..., Pair]
M = TypeVar("M", bound=Maker)


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
    """Whether a network, the ticket too, needs something, such as `fresh` or `trained` weights.

    Raises:
        RecipeError: nobody has registered the control.
    """
    return control not in {TICKET, DENSE_REINIT} and need in needs(CONTROLS.get(control))


def bases_of(control: str) -> tuple[str, ...]:
    """The dense networks, at level 0, that must be trained before a control can begin."""
    if asks(control, "matched"):
        return DENSE, DENSE_REINIT
    return (DENSE,) if asks(control, "trained") else ()


def is_untrained(control: str, *, signed: bool = False) -> bool:
    """Whether a network begins where the search did, with fresh or pretrained weights.

    Args:
        signed: whether the ticket begins with fresh sizes, and so what begins as it does.
    """
    if control == DENSE_REINIT or (signed and (control == TICKET or asks(control, "begun"))):
        return True
    return asks(control, "fresh") or asks(control, "pretrained")


def is_drawn(control: str) -> bool:
    """Whether a control draws something by a seed of its own, and so may be drawn several times.

    `mask-only` draws what the target's own search would, which is one network, and what begins
    from a trained network (`finetune`, `permuted`) would have to train that anew for each draw.
    """
    trained = asks(control, "trained") or asks(control, "matched")
    drawn = asks(control, "fresh") or asks(control, "seed")
    return drawn and not trained and control != MASK_ONLY


def check_controls(names: list[str]) -> None:
    """Refuse names that no control has.

    Raises:
        RecipeError: the nearest name is given.
    """
    for name in names:
        if name == TICKET:
            raise RecipeError(
                "The ticket is no control of itself: it is trained in any case.", "Leave it out."
            )
        if name not in CONTROLS:
            raise RecipeError(f"There is no control {name[:100]!r}.", there_are(name, CONTROLS))
