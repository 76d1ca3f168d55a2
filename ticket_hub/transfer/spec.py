"""What is asked for in an experiment, beside what decides its results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ticket_hub.evidence import Rule
from ticket_hub.evidence.verdict import ALPHA, MARGIN
from ticket_hub.recipe.experiment_spec import (
    DENSE,
    DENSE_REINIT,
    MASK_ONLY,
    OWN,
    TICKET,
    ExperimentSpec,
    FreshPolicy,
    HeadPolicy,
    ImagePolicy,
    OwnExperimentSpec,
    StartPolicy,
)
from ticket_hub.recipe.spec import LATER

__all__ = [
    "DENSE",
    "DENSE_REINIT",
    "MASK_ONLY",
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
    """One member of an experiment: whose level, what kind of network, which trial and draw."""

    level: int
    control: str
    trial: int
    draw: int = 0

    @property
    def name(self) -> str:
        """Unique within the members of its level."""
        return f"{self.control}-{self.trial}" + (f".{self.draw}" if self.draw else "")

    @property
    def full_name(self) -> str:
        """Unique within an experiment: `LLL/NAME`, with the number of the level."""
        return f"{self.level:03d}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for in an experiment.

    Attributes:
        levels: of the tickets, by rising index.
        controls: names from `ticket_hub.transfer.controls.CONTROLS`, without `ticket`.
        trials: repetitions.
        reinits: how often the controls of `redrawn` are drawn for each trial.
        redrawn: those of the controls that draw something of their own.
        margin, alpha: by what it is judged; see `ticket_hub.evidence.Rule`.
    """

    levels: tuple[int, ...]
    controls: tuple[str, ...]
    trials: int
    margin: float = MARGIN
    alpha: float = ALPHA
    reinits: int = field(default=1, metadata=LATER)
    redrawn: tuple[str, ...] = field(default=(), metadata=LATER)

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
            yield [
                MemberKey(level, name, trial, draw)
                for name in names
                for trial in range(self.trials)
                for draw in range(self.reinits if name in self.redrawn else 1)
            ]
