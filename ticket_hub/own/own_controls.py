"""Which controls an author's own loop can train."""

from __future__ import annotations

from collections.abc import Sequence

from ticket_hub.errors import EvidenceError, RecipeError
from ticket_hub.transfer.controls import asks, check_controls
from ticket_hub.transfer.spec import MASK_ONLY, OWN

__all__ = [
    "check_against",
]

_TRAINED, _SCORES = "weights of a network that was trained before", "scores of theta0"
_LACKING = {
    "trained": _TRAINED,
    "pretrained": _TRAINED,
    "matched": _TRAINED,
    "scores": _SCORES,
    "rescored": _SCORES,
}
"""What controls ask for by the names of their parameters, and nobody has here -> what it is."""


def check_against(against: Sequence[str]) -> None:
    """Refuse controls that a comparison in an author's own loop cannot have.

    Raises:
        RecipeError: there is no control, or none of a name.
        EvidenceError: a control needs what such a loop does not give.
    """
    if isinstance(against, str) or not against:
        raise RecipeError(
            "There is no list of controls to compare with.", 'Give one, as ["reinit", "dense"].'
        )
    check_controls(list(against))
    for name in against:
        lacking = [what for need, what in _LACKING.items() if asks(name, need)]
        lacking += [_TRAINED] if name == OWN else []
        lacking += ["the target's own search"] if name == MASK_ONLY else []
        if lacking:
            raise EvidenceError(
                f"The control {name!r} needs {lacking[0]}, which an author's own loop does not "
                "give.",
                "Compare with `reinit`, `reinit-same-sign`, `shuffle`, `random`, `dense`, or "
                "one of your own that needs nothing of the kind.",
            )
