"""What decides the results of an experiment: its network, data, training and policies."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ticket_hub.durable import canonical_json
from ticket_hub.recipe.own import ACCURACY, Metric, OwnLoop
from ticket_hub.recipe.spec import LATER, DataSpec, NetworkSpec, TrainingSpec
from ticket_hub.recipe.tables import build, to_table
from ticket_hub.seeds import derive_seed

__all__ = [
    "DENSE",
    "DENSE_REINIT",
    "MASK_ONLY",
    "OWN",
    "PERMUTED",
    "TICKET",
    "ExperimentSpec",
    "FreshPolicy",
    "HeadPolicy",
    "ImagePolicy",
    "OwnExperimentSpec",
    "StartPolicy",
    "spec_of",
    "start_note",
]

HeadPolicy: TypeAlias = Literal["auto", "keep", "reset", "reset-masked"]
"""What becomes of the output layer; see `ticket_hub.transfer.head`."""

FreshPolicy: TypeAlias = Literal["rewound", "init"]
"""Where networks with fresh weights begin beside a rewound ticket: after as many iterations as its
theta0 has behind it, or at their initialization."""

ImagePolicy: TypeAlias = Literal["resize", "keep"]
"""What becomes of images of another size; see `ticket_hub.transfer.images`."""

StartPolicy: TypeAlias = Literal["theta0", "signed"]
"""What survivors begin with: theta0, or its signs over fresh sizes; see `ticket_hub.pruning.signs`.
"""

TICKET, DENSE, OWN = "ticket", "dense", "own"
PERMUTED, DENSE_REINIT, MASK_ONLY = "permuted", "dense-reinit", "mask-only"
"""Networks of an experiment that have a part of their own: the ticket, the dense network, the
ticket that was found on the target, and the mask over what a search on the target begins from. The
dense network from fresh weights is trained for `permuted` alone. The controls are
`ticket_hub.recipe.axes.CONTROLS`."""


@dataclass(frozen=True, kw_only=True)
class ExperimentSpec:
    """What decides the result of every member; its digest names the run folder.

    Levels, controls and the number of trials are no part of it: a member's result depends on none
    of them, so more of each go on in the same folder and what is there is read.

    Attributes:
        network: its rule draws fresh weights.
        theta0: the sha256 of the starting weights, by the bundle's trials.
        data: what to train on.
        training: how; the same for ticket and controls, from iteration 0 to the end.
        head: what becomes of the output layer.
        seed: of the data orders and of everything that controls draw.
        init_seed: trial t of the target's own search begins from the initialization of
            `init_seed + t`; for the control `mask-only`.
        images: what becomes of images of another size.
        fresh_iterations: how many iterations networks with fresh weights train before all others
            begin, by the bundle's trials: as many as a rewound theta0 has behind it. Empty: none.
        start: what the tickets begin with.
    """

    network: NetworkSpec
    theta0: tuple[str, ...]
    data: DataSpec
    training: TrainingSpec
    head: HeadPolicy = "auto"
    seed: int = 0
    init_seed: int = 0
    images: ImagePolicy = field(default="resize", metadata=LATER)
    fresh_iterations: tuple[int, ...] = field(default=(), metadata=LATER)
    start: StartPolicy = field(default="theta0", metadata=LATER)

    def to_table(self) -> dict[str, Any]:
        """Plain values; what came later and has its default is left out of them."""
        return to_table(self)

    @property
    def metric(self) -> Metric:
        """What is measured."""
        return ACCURACY

    @property
    def data_name(self) -> str:
        """What is trained on, for people."""
        return self.data.name

    @property
    def digest(self) -> str:
        """The sha256 of the canonical JSON."""
        return hashlib.sha256(canonical_json(self.to_table())).hexdigest()

    @property
    def run_name(self) -> str:
        """The name of the run's folder."""
        place = re.sub(r"[^A-Za-z0-9._]+", "-", self.data.name).strip("-.")[-40:]
        return f"retrain-{place}-{self.digest[:12]}"

    def first_iterations(self, trial: int) -> int:
        """How many iterations fresh weights of a trial are trained before all others begin."""
        counts = self.fresh_iterations
        return counts[trial % len(counts)] if counts else 0

    def trial_seed(self, trial: int) -> int:
        """Draws the data order of a trial, the same for the ticket and all its controls."""
        return _trial_seed(self.seed, trial)

    def control_seed(self, control: str, level: int, trial: int, draw: int = 0) -> int:
        """Draws what a control needs; independent of every other control, level, trial, draw."""
        if control == MASK_ONLY:
            return self.init_seed + trial
        if control in {PERMUTED, DENSE_REINIT}:  # one initialization, at every level
            control, level = DENSE_REINIT, 0
        return derive_seed(self.trial_seed(trial), "control", control, level, *_further(draw))

    def signed_seed(self, trial: int) -> int | None:
        """Draws the sizes that the tickets of a trial begin with, the same at every level.

        None where they begin with theta0.
        """
        if self.start == "theta0":
            return None
        return derive_seed(self.trial_seed(trial), "start", self.start)


@dataclass(frozen=True, kw_only=True)
class OwnExperimentSpec:
    """What decides an experiment whose networks an author's own loop trains.

    Attributes:
        network: which, and how fresh weights begin.
        theta0: the sha256 of the starting weights, by the bundle's trials.
        loop: the metric, the data and the settings of the loop; its files are said elsewhere.
        seed: of the loop's draws and of everything that controls draw.
    """

    network: NetworkSpec
    theta0: tuple[str, ...]
    loop: OwnLoop
    seed: int = 0

    def to_table(self) -> dict[str, Any]:
        """Plain values; `spec_of` gives it back."""
        return to_table(self)

    @property
    def metric(self) -> Metric:
        """What is measured."""
        return self.loop.metric

    @property
    def data_name(self) -> str:
        """What is trained on, in the author's words."""
        return self.loop.data

    @property
    def digest(self) -> str:
        """The sha256 of the canonical JSON."""
        return hashlib.sha256(canonical_json(self.to_table())).hexdigest()

    @property
    def run_name(self) -> str:
        """The name of the run's folder."""
        return f"compare-own-{self.digest[:12]}"

    def trial_seed(self, trial: int) -> int:
        """Seeds the loop in a trial, the same for the ticket and all its controls."""
        return _trial_seed(self.seed, trial)

    def control_seed(self, control: str, level: int, trial: int, draw: int = 0) -> int:
        """Draws what a control needs; independent of every other control, level, trial, draw."""
        return derive_seed(self.trial_seed(trial), "control", control, level, *_further(draw))


def start_note(spec: ExperimentSpec | OwnExperimentSpec) -> str:
    """One sentence where the tickets do not begin with theta0; else empty."""
    if isinstance(spec, ExperimentSpec) and spec.start == "signed":
        return "The tickets begin with the signs of theta0 over fresh sizes, not with theta0."
    return ""


def spec_of(table: Mapping[str, Any]) -> ExperimentSpec | OwnExperimentSpec:
    """A spec from plain values.

    Raises:
        RecipeError: an unknown key, or an impossible value.
    """
    if "loop" in table:
        return build(OwnExperimentSpec, table)
    return build(ExperimentSpec, table)


def _further(draw: int) -> tuple[int, ...]:
    """What names a draw; the first has no name, as it was before there were several."""
    return (draw,) if draw else ()


def _trial_seed(seed: int, trial: int) -> int:
    return derive_seed(seed, "retrain", trial)
