"""What is asked of every experiment alike, and the keywords of the front doors that say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypedDict, get_args

from ticket_hub.errors import RecipeError
from ticket_hub.evidence import Rule
from ticket_hub.evidence.verdict import ALPHA, MARGIN
from ticket_hub.recipe.rules import MAX_TRIALS
from ticket_hub.recipe.tables import build
from ticket_hub.runs.resources import ResourceOptions, Resources, check_keywords
from ticket_hub.transfer.controls import check_controls, is_drawn
from ticket_hub.transfer.spec import (
    FreshPolicy,
    HeadPolicy,
    ImagePolicy,
    Request,
    StartPolicy,
)

__all__ = [
    "MAX_REINITS",
    "USUAL",
    "ExperimentOptions",
    "TermOptions",
    "Terms",
    "redrawn",
    "split_options",
]


MAX_REINITS = 100


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is asked of every experiment alike, whatever ticket is trained on whatever data.

    Attributes:
        against: the controls; see `ticket_hub.transfer.controls`.
        trials: repetitions; None is 5. With more than the bundle has, its tickets are taken again
            with other data orders.
        changes: key of the recipe -> value that differs from the ticket's own, `training.` and
            `data.` only: `{"training.iterations": 20000}`.
        head: what becomes of the output layer; see `ticket_hub.transfer.head`.
        images: what becomes of images of another size; see `ticket_hub.transfer.images`.
        seed: of the data orders and of everything that controls draw.
        hub: where tickets are pulled from, a folder or the address of a server; None is the
            default hub.
        fresh: where networks with fresh weights begin beside a rewound ticket: `rewound`, after as
            many iterations as its theta0 has behind it, or `init`, at their initialization.
        start: what the tickets begin with: `theta0`, or `signed`: its signs over fresh sizes, and
            what is never pruned fresh. They then have no training behind them either.
        reinits: how often each control that draws something (fresh weights, a random mask) is
            drawn for every ticket. Its draws are averaged for each ticket before anything is
            compared: n stays the number of tickets.
        margin: how far below a reference the ticket may be and still is not inferior: 0.002 is
            0.2 points of accuracy.
        alpha: chance of any false word in all that is asked for.
    """

    against: Sequence[str] = ("reinit", "dense")
    trials: int | None = None
    changes: Mapping[str, Any] | None = None
    head: str = "auto"
    images: str = "resize"
    seed: int = 0
    hub: str | Path | None = None
    fresh: str = "rewound"
    start: str = "theta0"
    margin: float = MARGIN
    alpha: float = ALPHA
    reinits: int = 1

    def check(self) -> None:
        """Refuse controls, trials and policies that cannot be.

        Raises:
            RecipeError: the nearest name is given.
        """
        changes = {} if self.changes is None else self.changes
        if not (isinstance(changes, Mapping) and all(isinstance(key, str) for key in changes)):
            raise RecipeError(
                "The changes are no table of keys and values.",
                'Give one: changes={"training.iterations": 20000}.',
            )
        if isinstance(self.against, str):
            raise RecipeError(
                f"The controls are one text, {self.against[:100]!r}, and no list of names.",
                f"Give against={self.against[:100].split(',')}.",
            )
        self.check_numbers()
        check_controls(list(self.against))
        Rule(margin=self.margin, alpha=self.alpha).check()
        _check_policy("head", self.head, get_args(HeadPolicy))
        _check_policy("image", self.images, get_args(ImagePolicy))
        _check_policy("fresh", self.fresh, get_args(FreshPolicy))
        _check_policy("start", self.start, get_args(StartPolicy))
        if not self.against:
            raise RecipeError(
                "There is no control to compare with.", "Name at least one, as `reinit`."
            )
        redrawn(self.against, self.reinits)

    def check_numbers(self) -> None:
        """Refuse what could not be read again in a record, when all is trained.

        Raises:
            RecipeError: a number is no number, or no whole one; a control is no name; or there are
                no trials, or too many.
        """
        names = ("trials", "reinits", "margin", "alpha")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        build(Request, {"levels": [0], "controls": list(self.against), "trials": 1, **given})
        if self.trials is not None and not 1 <= self.trials <= MAX_TRIALS:
            raise RecipeError(
                f"There cannot be {self.trials} trials.",
                f"Train at least three, at most {MAX_TRIALS:,}.",
            )


class TermOptions(TypedDict, total=False):
    """The fields of `Terms`, as keywords of the library's front doors."""

    against: Sequence[str]
    trials: int | None
    changes: Mapping[str, Any] | None
    head: str
    images: str
    seed: int
    hub: str | Path | None
    fresh: str
    start: str
    margin: float
    alpha: float
    reinits: int


class ExperimentOptions(TermOptions, ResourceOptions, total=False):
    """What is asked for, and what training may use."""


def split_options(
    call: Callable[..., object], options: ExperimentOptions
) -> tuple[Terms, Resources]:
    """The keywords of a front door as the two values that stand for them.

    Raises:
        TypeError: it has no such keyword.
    """
    check_keywords(call, options, Terms, Resources)
    given: dict[str, Any] = dict(options)
    terms = {each.name: given.pop(each.name) for each in fields(Terms) if each.name in given}
    return Terms(**terms), Resources(**given)


USUAL = Terms()
"""What an experiment asks for where nothing else is said."""


def _check_policy(kind: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise RecipeError(f"There is no {kind} policy {name!r}.", f"Choose {', '.join(known)}.")


def redrawn(controls: Sequence[str], reinits: int) -> tuple[str, ...]:
    """The controls that are drawn several times for each ticket; none where once is asked for.

    Raises:
        RecipeError: it is out of bounds, or no control draws anything.
    """
    if not 1 <= reinits <= MAX_REINITS:
        raise RecipeError(
            f"A control cannot be drawn {reinits} times for each ticket.",
            f"Draw it at least once, and at most {MAX_REINITS} times.",
        )
    if reinits == 1:
        return ()
    found = tuple(name for name in controls if is_drawn(name))
    if not found:
        raise RecipeError(
            "None of these controls draws anything that could be drawn again.",
            "Add one that does, as `reinit` or `random`, or leave out --reinits.",
        )
    return found
