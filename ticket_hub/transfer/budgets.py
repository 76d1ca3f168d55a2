"""How many iterations each network of an experiment had, those behind its starting weights too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ticket_hub.transfer.controls import asks, is_untrained
from ticket_hub.transfer.experiment_networks import pruning_of
from ticket_hub.transfer.planning import Plan
from ticket_hub.transfer.spec import OWN, TICKET

__all__ = ["budgets_of", "totals_of"]


def budgets_of(wanted: Plan) -> dict[str, Any]:
    """What each network may train, as the record has it.

    `iterations` are those of the experiment, and `before` those behind the weights that it begins
    with: of a rewound theta0 in the search, of fresh weights here. Without any of these the budget
    is the number alone. What begins from trained weights, as `finetune`, is pruned between the two
    halves of its own.
    """
    whole = wanted.spec.training.iterations
    before = {name: _before(name, wanted) for name in (TICKET, *wanted.request.controls)}
    rewound = any(before.values())
    found: dict[str, Any] = {
        name: {"before": behind, "iterations": whole} if rewound else whole
        for name, behind in before.items()
    }
    for name in found:
        if asks(name, "trained"):
            found[name] = {"before": before[name]} if rewound else {}
            found[name] |= {"dense": whole, "pruned": whole}
            if asks(name, "scope"):
                found[name] |= {"criterion": "magnitude", "scope": pruning_of(wanted.source).scope}
    return found


def _before(name: str, wanted: Plan) -> int:
    """Iterations behind what a network begins with, the most over the trials."""
    if is_untrained(name, signed=wanted.spec.start == "signed"):
        return max(wanted.spec.fresh_iterations, default=0)
    if name == OWN and wanted.own is not None:
        return max(wanted.own.source.starts)
    return max(wanted.source.starts)


def totals_of(budgets: Mapping[str, Any]) -> dict[str, int]:
    """Iterations of each network in all, from the budgets of a record."""
    parts = ("before", "iterations", "dense", "pruned")
    return {
        name: sum(each.get(part, 0) for part in parts) if isinstance(each, Mapping) else each
        for name, each in budgets.items()
    }
