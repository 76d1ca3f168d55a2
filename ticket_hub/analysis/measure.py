"""One number for each trial, out of the result of an analysis: what a claim can be about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ticket_hub.errors import EvidenceError

__all__ = ["TrialMeasure", "layer_of"]


@dataclass(frozen=True)
class TrialMeasure:
    """A measure of an analysis.

    Attributes:
        of: from the result and the name of a layer, the number of each trial.
        unit: behind the number; empty where it has none.
    """

    of: Callable[[Any, str], Sequence[float | None]]
    unit: str = ""

    def values(self, result: object, layer: str, name: str) -> tuple[float, ...]:
        """The number of each trial.

        Raises:
            EvidenceError: there is no such layer, or a trial has no such number.
        """
        found = self.of(result, layer)
        known = tuple(value for value in found if value is not None)
        if not known or len(known) < len(found):
            raise EvidenceError(
                f"{name} is not known of all trials: a layer lost its weights, or the result was "
                "made before it was kept.",
                "Remove the folder of the analysis, or ask for another level.",
            )
        return known


def layer_of(result: Any, layer: str) -> Any:  # noqa: ANN401 - of any result with layers
    """The layer of a result.

    Raises:
        EvidenceError: there is none of this name.
    """
    found = [each for each in result.layers if each.layer == layer]
    if not found:
        raise EvidenceError(
            f"There is no layer {layer!r}.",
            f"There are {', '.join(each.layer for each in result.layers)}: name one as `layer`.",
        )
    return found[0]
