"""Every analysis by its name. This module and the analyses' own `__init__.py` import no PyTorch."""

from __future__ import annotations

import importlib
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from ticket_hub.errors import PluginError, RecipeError, TicketHubError
from ticket_hub.registry import Registry, there_are

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ticket_hub.analysis.folder import Finding
    from ticket_hub.analysis.measure import TrialMeasure
    from ticket_hub.analysis.subject import Subject
    from ticket_hub.recipe import Recipe
    from ticket_hub.table import Table

__all__ = [
    "ANALYSES",
    "GROUPS",
    "ORDERS",
    "Analysis",
    "analyses",
    "chosen",
    "find_analysis",
    "naming",
    "register_analysis",
]

GROUPS = ("quick", "training")
"""Names that stand for several analyses: those that train nothing, and those that do."""

ORDERS = 2
"""In how many data orders each start is trained, where nobody says more."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_PARTS = {
    "compute": "compute",
    "result": "compute",
    "settings": "compute",
    "caption": "draw",
    "draw": "draw",
    "tabulate": "draw",
    "describe": "draw",
}
"""What an analysis must have, and the file of its folder that may have it."""


class Analysis:
    """What is computed of the tickets of one level, and how it is shown.

    An analysis is a folder whose `__init__.py` registers a subclass that says what it needs, whose
    `compute.py` has `compute` (and `settings`, where it trains), and whose `draw.py` has `CAPTION`,
    `draw`, `tabulate` and `describe`. In a single file these are methods of the subclass, and
    `caption` and `result` are attributes.

    Attributes:
        name: what `--only` takes.
        title: for people.
        place: where it stands in the report.
        networks: how many are trained for it, for each trial; 0 trains none. Of `movement` one,
            where the search's own cannot be read.
        needs_dense: whether it needs the dense theta0, not only the survivors.
        by_orders: whether a network is trained for each of the data orders that were asked for.
        with_dense: whether the dense network is analysed too, as level 0.
        with_others: whether it compares with other tickets.
        by_default: whether it is made where none is named; not where it trains far more than
            the others do.
    """

    title: ClassVar[str]
    place: ClassVar[int] = 100
    networks: ClassVar[int] = 0
    by_orders: ClassVar[bool] = False
    needs_dense: ClassVar[bool] = False
    with_dense: ClassVar[bool] = False
    with_others: ClassVar[bool] = False
    by_default: ClassVar[bool] = True

    def __init__(self, name: str) -> None:
        """Keep the name that it is registered under."""
        self.name = name

    @property
    def trains(self) -> bool:
        """Whether networks are trained for it."""
        return self.networks > 0

    def networks_for(self, orders: int) -> int:
        """How many are trained for each trial, with so many data orders."""
        return orders if self.by_orders else self.networks

    @property
    def result(self) -> type:
        """The frozen dataclass that `compute` gives."""
        kind: type = typing.get_type_hints(self._part("compute").compute)["return"]
        return kind

    @property
    def caption(self) -> str:
        """What is counted, and what it does not show."""
        return str(self._part("draw").CAPTION)

    @property
    def measures(self) -> Mapping[str, TrialMeasure]:
        """What of its result is one number for each trial: `MEASURES` of its `compute.py`."""
        if not hasattr(importlib.import_module(type(self).__module__), "__path__"):
            return {}
        found: Mapping[str, TrialMeasure] = getattr(self._part("compute"), "MEASURES", {})
        return found

    def settings(self, recipe: Recipe) -> Any:  # noqa: ANN401 - any frozen dataclass, or None
        """What besides the tickets decides the result of an analysis that trains."""
        return self._part("compute").settings(recipe)

    def compute(self, subject: Subject) -> Any:  # noqa: ANN401 - its own result
        """The result for the tickets of one level.

        Raises:
            TicketHubError: it cannot be had of these tickets.
        """
        return self._part("compute").compute(subject)

    def draw(self, findings: Sequence[Finding]) -> Figure:
        """All levels in one figure."""
        figure: Figure = self._part("draw").draw(findings)
        return figure

    def tabulate(self, findings: Sequence[Finding]) -> Table:
        """One row for each level and layer, or whatever is counted."""
        table: Table = self._part("draw").tabulate(findings)
        return table

    def describe(self, result: Any) -> str:  # noqa: ANN401 - its own result
        """A result in one sentence, without a full stop."""
        return str(self._part("draw").describe(result))

    def _part(self, name: str) -> Any:  # noqa: ANN401 - a module of its folder
        return importlib.import_module(f"{type(self).__module__}.{name}")


@contextmanager
def naming(analysis: Analysis) -> Iterator[None]:
    """Let whatever an analysis of the user's own raises become an error that names it.

    Raises:
        PluginError: as said; where an analysis that is built in fails, its error stays as it is.
    """
    try:
        yield
    except TicketHubError:
        raise
    except Exception as error:
        if type(analysis).__module__.startswith("ticket_hub."):
            raise
        raise PluginError(
            f"The analysis {analysis.name!r} failed: {type(error).__name__}: {error}".rstrip(".")
            + ".",
            f"Mend {type(analysis).__module__}, or leave the analysis out with --only.",
        ) from error


ANALYSES: Registry[type[Analysis]] = Registry("--only")
"""What `--only` takes."""


def register_analysis(name: str) -> Callable[[type[Analysis]], type[Analysis]]:
    """Register the decorated subclass of `Analysis` under a name; see there for what it needs.

    Raises:
        PluginError: the name cannot be asked for, or the class lacks something.
    """
    join = ANALYSES.register(name)

    def checked(kind: type[Analysis]) -> type[Analysis]:
        """Register the class, once it has what an analysis needs."""
        if not _NAME.fullmatch(name) or name in GROUPS:
            raise PluginError(
                f"{name[:100]!r} cannot be the name of an analysis.",
                "Take letters, digits, - and _, beginning with a small letter; "
                f"{' and '.join(GROUPS)} stand for several.",
            )
        is_folder = hasattr(importlib.import_module(kind.__module__), "__path__")
        lost = [
            f"`{part}`"
            for part, file in _PARTS.items()
            if (part != "settings" or kind.networks)
            and getattr(kind, part) is getattr(Analysis, part)
            and not (is_folder and find_spec(f"{kind.__module__}.{file}"))
        ]
        if lost or not hasattr(kind, "title"):
            raise PluginError(
                f"The analysis {name!r} lacks {', '.join(lost or ['`title`'])}.",
                "Give its class what it lacks, or put compute.py and draw.py beside it.",
            )
        return join(kind)

    return checked


def analyses(*, plugins: bool = True) -> tuple[Analysis, ...]:
    """All analyses in the order of the report.

    Args:
        plugins: whether what is installed or was given with `--import` is imported for it.
    """
    names = ANALYSES.names() if plugins else ANALYSES.known()
    return tuple(sorted(map(find_analysis, names), key=lambda each: each.place))


def find_analysis(name: str) -> Analysis:
    """The analysis of a name.

    Raises:
        RecipeError: there is none.
    """
    return ANALYSES.get(name)(name)


def chosen(names: Sequence[str]) -> tuple[Analysis, ...]:
    """The analyses that some names stand for, in the order of the report; without a name the usual.

    Raises:
        RecipeError: there is no such analysis; the nearest is named.
    """
    there = analyses()
    known = [each.name for each in there]
    for name in names:
        if name not in {*known, *GROUPS}:
            raise RecipeError(
                f"There is no analysis {name[:100]!r}.", there_are(name, [*known, *GROUPS])
            )
    if not names:
        return tuple(each for each in there if each.by_default)
    return tuple(each for each in there if {each.name, GROUPS[each.trains]} & {*names})
