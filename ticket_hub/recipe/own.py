"""What the author of a training loop says of it: the metric that counts, and how to repeat it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TypeAlias

from ticket_hub.errors import RecipeError

__all__ = ["ACCURACY", "MARGIN", "MAX_NAME", "MAX_NAMES", "OWN", "Metric", "OwnLoop", "are_names",
           "is_own", "is_trained", "read_at"]  # fmt: skip

Setting: TypeAlias = bool | int | float | str

OWN = "own:"
"""Begins the name of a network that is built by its author's own function, `own:MODULE.FUNCTION`.

No registry has it. The sizes in its `Architecture` are 1 and mean nothing.
"""

MARGIN = 0.002
"""How far below dense still counts as matching: 0.2 points of accuracy."""

MAX_TEXT = 500
MAX_NAME, MAX_NAMES = 60, 32  # of the other numbers that a loop measures of a network
MAX_SETTINGS = 200
_PER_CENT = 100.0


@dataclass(frozen=True)
class Metric:
    """What is measured of a trained network, and by what tickets are judged.

    Attributes:
        name: as people say it, such as `perplexity`.
        margin: how much worse than a reference still is not inferior, in the metric's own unit.
        lower_is_better: whether less is better, as of an error.
        unit: such as `°C`; empty where the metric has none. `accuracy` is a fraction in [0, 1],
            and shown in per cent.

    Raises:
        RecipeError: no name, a text that is too long, or a margin that is no number from 0 on.
    """

    name: str
    _: KW_ONLY
    margin: float
    lower_is_better: bool = False
    unit: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        short = 0 < len(self.name) <= MAX_TEXT and len(self.unit) <= MAX_TEXT
        if not (short and f"{self.name}{self.unit}".isprintable()):
            raise RecipeError(
                f"A metric cannot be called {self.name[:MAX_TEXT]!r}.",
                "Give a short name of one line, such as 'perplexity', and a unit such as 'ms'.",
            )
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise RecipeError(
                f"The margin of {self.name} cannot be {self.margin:g}.",
                "It is how much worse than the dense network still counts as matching: a number "
                "from 0 on, in the metric's unit.",
            )

    @property
    def is_accuracy(self) -> bool:
        """Whether it is the share of right answers, a fraction that is shown in per cent."""
        return self.name == "accuracy" and not self.lower_is_better

    @property
    def scale(self) -> float:
        """What values are multiplied with where people see them: 100 for per cent."""
        return _PER_CENT if self.is_accuracy else 1.0

    def is_possible(self, value: float) -> bool:
        """Whether the metric can have this value; NaN and infinity never."""
        return 0 <= value <= 1 if self.is_accuracy else math.isfinite(value)

    def gain(self, value: float) -> float:
        """The value turned so that more is better."""
        return -value if self.lower_is_better else value

    def number(self, value: float, *, signed: bool = False) -> str:
        """A value, or a difference, as people read it: per cent or points, or in the unit."""
        sign = "+" if signed else ""
        if self.is_accuracy:
            return f"{_PER_CENT * value:{sign}.2f}"
        return f"{value:{sign}.4g}"

    def interval(
        self, mean: float | None, low: float | None, high: float | None, *, signed: bool = False
    ) -> str:
        """A mean, and its bounds in parentheses where they are known; empty without a mean."""
        if mean is None:
            return ""
        text = self.number(mean, signed=signed)
        if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
            return text
        bounds = (self.number(bound, signed=signed) for bound in (low, high))
        return f"{text} ({' to '.join(bounds)})"

    def text(self, value: float) -> str:
        """A value with its unit: `93.10%`, `0.31 °C`."""
        return f"{self.number(value)}%" if self.is_accuracy else self._with_unit(self.number(value))

    def amount(self, value: float, *, signed: bool = False) -> str:
        """A difference with its unit: `0.2 points`, `+0.31 °C`."""
        if self.is_accuracy:
            shown = f"{_PER_CENT * value:+.2f}" if signed else f"{_PER_CENT * value:g}"
            return f"{shown} points"
        return self._with_unit(self.number(value, signed=signed))

    @property
    def label(self) -> str:
        """What tells it from others: `accuracy`, `RMSE (°C)`."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def heading(self) -> str:
        """The title of a column of values: `test accuracy (%)`, `test RMSE (°C)`."""
        unit = "%" if self.is_accuracy else self.unit
        return f"test {self.name} ({unit})" if unit else f"test {self.name}"

    @property
    def gain_heading(self) -> str:
        """The title of a column of differences, in which more is better for the ticket."""
        unit = "points" if self.is_accuracy else self.unit
        what = "ticket better by" if self.lower_is_better else "ticket minus it"
        return f"{what} ({unit})" if unit else what

    def _with_unit(self, number: str) -> str:
        return f"{number} {self.unit}" if self.unit else number


ACCURACY = Metric("accuracy", margin=MARGIN)
"""What everything is judged by where nobody says otherwise."""


@dataclass(frozen=True, kw_only=True)
class OwnLoop:
    """How tickets were trained by their author's own loop, which nobody else can repeat alone.

    Attributes:
        metric: what was measured on the test part, and by what the tickets are judged.
        data: what they were trained on, in the author's words.
        network: where the function that builds the network is: `FILE`, by its name alone.
        network_sha256: of that file; empty where there is none.
        script: the file of the loop, by its name alone; empty where there is none.
        script_sha256: of that file.
        commit: of the author's repository, or what else names the state of the code.
        settings: what the author's loop depends on, such as `{"lr": 0.1}`.

    Raises:
        RecipeError: too many settings, or a text that is too long.
    """

    metric: Metric
    data: str
    network: str = ""
    network_sha256: str = ""
    script: str = ""
    script_sha256: str = ""
    commit: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        named = {name: value for name, value in vars(self).items() if isinstance(value, str)}
        named |= {key: str(value) for key, value in self.settings.items()}
        named |= {f"the name {key[:40]!r}": key for key in self.settings}
        for name, text in named.items():
            if len(text) > MAX_TEXT or not text.isprintable():
                raise RecipeError(
                    f"{name[:60]} cannot be {text[:60]!r}.",
                    f"It must be a text of one line with at most {MAX_TEXT} characters.",
                )
        if not self.data or len(self.settings) > MAX_SETTINGS:
            raise RecipeError(
                "The data have no name, or there are too many settings.",
                f"Name the data, and give at most {MAX_SETTINGS} settings.",
            )

    @property
    def sentence(self) -> str:
        """How the tickets were trained, for people, with what there is to repeat it."""
        known = [
            _named("script", self.script, self.script_sha256),
            _named("network in", self.network, self.network_sha256)
            if (self.network, self.network_sha256) != (self.script, self.script_sha256)
            else "",
            f"commit {self.commit}" if self.commit else "",
            ", ".join(f"{key} = {value}" for key, value in sorted(self.settings.items())),
        ]
        found = "; ".join(part for part in known if part)
        return f"by the author's own loop, which is theirs to repeat ({found or 'nothing more'})"


def _named(what: str, name: str, sha256: str) -> str:
    return f"{what} {name}, sha256 {sha256[:12]}" if sha256 else ""


def read_at(*, stops_early: bool) -> str:
    """What the iteration is that a value is of; an author's own loop may have no early stop."""
    return "early stop" if stops_early else "last iteration"


def is_trained(early_stop: float, *, stops_early: bool) -> bool:
    """Whether networks were trained for longer than one iteration when they were tested.

    A search whose masks need no training may test its tickets after one iteration.

    Args:
        early_stop: the iteration, a mean over them or the last of them.
        stops_early: False of an author's own loop, which may count in anything.
    """
    return early_stop > 1 or not stops_early


def are_names(names: Collection[str]) -> bool:
    """Whether numbers may have these names: few, and each short and of one line."""
    return len(names) <= MAX_NAMES and all(
        0 < len(name) <= MAX_NAME and name.isprintable() for name in names
    )


def is_own(network: str) -> bool:
    """Whether a network's name is that of its author's own function."""
    return network.startswith(OWN)
