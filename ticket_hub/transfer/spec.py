"""What is asked for in an experiment, beside what decides its results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ticket_hub.evidence import Rule
from ticket_hub.evidence.verdict import ALPHA, MARGIN
from ticket_hub.recipe.experiment_spec import (
    DENSE,
    DENSE_REINIT,
    OWN,
    TICKET,
    ExperimentSpec,
    FreshPolicy,
    HeadPolicy,
    ImagePolicy,
    OwnExperimentSpec,
    StartPolicy,
)

__all__ = [
    "DENSE",
    "DENSE_REINIT",
    "OWN",
    "TICKET",
    "ExperimentSpec",
    "FreshPolicy",
    "HeadPolicy",
    "ImagePolicy",
    "MemberKey",
    "OwnExperimentSpec",
    "Request",
    "StartPolicy",
]


@dataclass(frozen=True)
class MemberKey:
    """One member of an experiment: whose level, what kind of network, which trial."""

    level: int
    control: str
    trial: int

    @property
    def name(self) -> str:
        """Unique within the members that are trained together."""
        return f"{self.control}-{self.trial}"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for in an experiment.

    Attributes:
        levels: of the tickets, by rising index.
        controls: names from `ticket_hub.transfer.controls.CONTROLS`, without `ticket`.
        trials: repetitions.
        margin, alpha: by what it is judged; see `ticket_hub.evidence.Rule`.
    """

    levels: tuple[int, ...]
    controls: tuple[str, ...]
    trials: int
    margin: float = MARGIN
    alpha: float = ALPHA

    @property
    def rule(self) -> Rule:
        """By what it is judged, as a family of its own."""
        return Rule(margin=self.margin, alpha=self.alpha)

    def groups(self) -> Iterator[list[MemberKey]]:
        """What is trained together: the dense networks once, then each level with its controls."""
        if DENSE in self.controls:
            yield [MemberKey(0, DENSE, trial) for trial in range(self.trials)]
        names = (TICKET, *(name for name in self.controls if name != DENSE))
        for level in self.levels:
            yield [MemberKey(level, name, trial) for name in names for trial in range(self.trials)]
