"""The options that all commands share which train tickets beside their controls."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from ticket_hub.recipe.axes import CONTROLS
from ticket_hub_cli import options
from ticket_hub_cli.assignments import settings
from ticket_hub_cli.completing import CompletedName, in_list

__all__ = ["TERMS", "experiment_options", "listed"]

F = TypeVar("F", bound=Callable[..., Any])

HEADS = ["auto", "keep", "reset", "reset-masked"]
TERMS = (
    *("against", "trials", "changes", "head", "images", "seed", "hub", "fresh"),
    *("start", "margin", "alpha", "reinits"),
)
"""Keys of `ticket_hub.transfer.terms.Terms`: what is trained."""


class ControlNames(CompletedName):
    """Names of controls, with commas between."""

    name = "controls"

    def names(self, incomplete: str) -> Iterable[str]:
        """The last name, of those that are not there yet."""
        return in_list(CONTROLS, incomplete)


class Against(click.Option):
    """Its help names the controls, a plugin's too, when it is asked for."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option, and what it may be; no name is broken at a dash."""
        text = f"{', '.join(CONTROLS)}; with commas between.  [default: {self.default}]"
        self.help = "\b\n" + "\n".join(textwrap.wrap(text, 46, break_on_hyphens=False))
        return super().get_help_record(ctx)


def _choice(name: str, choices: Sequence[str], text: str) -> Callable[[F], F]:
    """An option with a few values, of which the first is the default."""
    return click.option(
        name, type=click.Choice(choices), default=choices[0], show_default=True, help=text
    )


_OPTIONS = (
    click.option(
        "--against",
        cls=Against,
        type=ControlNames(),
        default="reinit,dense",
        metavar="CONTROLS",
    ),
    click.option("--trials", type=click.IntRange(min=1), help="Repetitions.  [default: 5]"),
    click.option(
        "--reinits",
        type=click.IntRange(min=1),
        default=1,
        help="Draws of each control that draws something, for every ticket; n counts tickets.",
    ),
    options.set_option,
    click.option(
        "--patience",
        type=click.IntRange(min=0),
        help="Stop a network so many iterations after its last new minimum: training.patience.",
    ),
    _choice(
        "--head",
        HEADS,
        "The output layer: auto keeps it where the numbers of classes agree, else resets it.",
    ),
    _choice(
        "--images",
        ["resize", "keep"],
        "Images of another size: resize scales them; keep leaves them where the network can.",
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), default=0, help="Of data orders and controls."
    ),
    _choice(
        "--fresh",
        ["rewound", "init"],
        "Beside a rewound ticket, networks with fresh weights begin after as many iterations as "
        "theta0 has behind it, or at their initialization.",
    ),
    _choice(
        "--start",
        ["theta0", "signed"],
        "What the tickets begin with: theta0, or its signs over fresh sizes.",
    ),
    options.margin_option,
    options.alpha_option,
    options.hub_option,
    click.option("--by", "who", default="", help="Your name, for the evidence record."),
    click.option(
        "--out",
        "run_folder",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the experiment.  [default: in TICKET_HOME, named by what is done]",
    ),
    options.log_option,
    options.resource_options("Go on with an experiment that was begun in another environment."),
)


def experiment_options(function: F) -> F:
    """Add them all, and hand the command what the library takes, by the library's names."""

    @functools.wraps(function)
    def with_changes(
        *args: Any,  # noqa: ANN401 - whatever the command takes
        against: str,
        assignments: tuple[str, ...],
        patience: int | None,
        **values: Any,  # noqa: ANN401 - whatever the command takes
    ) -> Any:  # noqa: ANN401 - and gives
        """Call the command with the controls as a list and the changes as a table."""
        changes = settings(assignments, training__patience=patience)
        return function(*args, against=listed(against), changes=changes, **values)

    found: Any = with_changes
    for option in reversed(_OPTIONS):
        found = option(found)
    return cast("F", found)


def listed(text: str) -> list[str]:
    """The names in a text with commas between."""
    return [name.strip() for name in text.split(",") if name.strip()]
