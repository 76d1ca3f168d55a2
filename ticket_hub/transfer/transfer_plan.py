"""What a transfer would train: every ticket on every data set, with nothing begun yet."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub import home
from ticket_hub.durable import canonical_json
from ticket_hub.errors import RecipeError, RunError
from ticket_hub.home import expanded
from ticket_hub.hub.address import PlaceLike, named_places
from ticket_hub.runs.file_names import EXPERIMENT, RUN
from ticket_hub.transfer.budgets import budgets_of, totals_of
from ticket_hub.transfer.level_evidence import LevelEvidence
from ticket_hub.transfer.matrix import Matrix, cells_of
from ticket_hub.transfer.planning import Plan, kept_data, plan_for
from ticket_hub.transfer.retraining import tickets_of
from ticket_hub.transfer.source import Source, open_source
from ticket_hub.transfer.spec import OWN
from ticket_hub.transfer.terms import USUAL, Terms

__all__ = ["PlannedCell", "TransferPlan", "plan_transfer"]

BRIEF = 12


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """One ticket on one data set, at all levels that are asked for.

    Attributes:
        ticket, data: their names in the matrix.
        plan: the experiment.
    """

    ticket: str
    data: str
    plan: Plan

    @property
    def run_name(self) -> str:
        """Of its folder: named by all that decides its results, its masks included."""
        return f"{self.plan.spec.run_name}-{self.plan.source.id[:BRIEF]}"


@dataclass(frozen=True, kw_only=True)
class TransferPlan:
    """What would be trained.

    Attributes:
        cells: data set by data set.
    """

    cells: tuple[PlannedCell, ...]

    @property
    def run_folder(self) -> Path:
        """Where it is done unless another folder is named."""
        names = sorted(cell.run_name for cell in self.cells)
        digest = hashlib.sha256(canonical_json(names)).hexdigest()
        return home.runs_folder() / f"transfer-{digest[:BRIEF]}"

    def matrix(
        self,
        levels: Mapping[str, Sequence[LevelEvidence]],
        test_examples: Mapping[str, int | None],
    ) -> Matrix:
        """The matrix of what came out.

        Args:
            levels: by the names of the cells' folders.
            test_examples: that accuracies are of, likewise; None where that is not known.
        """
        found = [
            cell
            for each in sorted(self.cells, key=lambda each: self._tickets.index(each.ticket))
            for cell in cells_of(
                levels[each.run_name],
                ticket=each.ticket,
                data=each.data,
                found_on=each.plan.source.bundle.manifest.data.name,
                run=f"cells/{each.run_name}",
                test_examples=test_examples[each.run_name],
                iterations_in_all=totals_of(budgets_of(each.plan)),
            )
        ]
        order = {name: place for place, name in enumerate(self._tickets)}
        request = self.cells[0].plan.request
        return Matrix(
            tickets=tuple(self._tickets),
            data=tuple(dict.fromkeys(each.data for each in self.cells)),
            controls=self.controls,
            cells=tuple(sorted(found, key=lambda cell: (order[cell.ticket], cell.level))),
            margin=request.margin,
            alpha=request.alpha,
            family=max(level.verdict.family for some in levels.values() for level in some),
        )

    def refuse_strange(self, folder: Path) -> None:
        """Refuse a folder that holds something else.

        Raises:
            RunError: it is a file, or not a transfer's folder.
        """
        if folder.exists() and not folder.is_dir():
            raise RunError(f"{folder} is a file.", "Name a folder for the run.")
        if not folder.is_dir() or not any(folder.iterdir()):
            return
        other = any((folder / name).exists() for name in (RUN, EXPERIMENT))
        if other or not (folder / "lock").exists():
            raise RunError(
                f"{folder} holds something that is no transfer.",
                "Name a new folder, or an empty one.",
            )

    @property
    def controls(self) -> tuple[str, ...]:
        """The controls of any cell."""
        found = (name for each in self.cells for name in each.plan.request.controls)
        return tuple(dict.fromkeys(found))

    @property
    def _tickets(self) -> list[str]:
        return list(dict.fromkeys(each.ticket for each in self.cells))

    def about(self, who: str) -> dict[str, Any]:
        """What the record says beside the numbers."""
        sources = {each.ticket: each.plan.source for each in self.cells}
        request = self.cells[0].plan.request
        return {
            "who": who,
            "tickets": {
                name: tickets_of(source.bundle) | {"pulled": source.pulled}
                for name, source in sources.items()
            },
            "request": {"controls": self.controls, "trials": request.trials}
            | ({"reinits": request.reinits} if request.reinits > 1 else {}),
        }


def plan_transfer(
    places: PlaceLike | Sequence[PlaceLike],
    datasets: Sequence[object],
    terms: Terms = USUAL,
    *,
    levels: str | None = None,
    own: Mapping[str, PlaceLike] | None = None,
    data_dir: Path | str | None = None,
) -> TransferPlan:
    """Say what `transfer_tickets` with these arguments would train, and refuse what cannot be.

    Examples that are given in place of a data set's name are kept.

    Raises:
        RecipeError: an unknown control, policy or key, an impossible value, or nothing to do.
        TicketNotFoundError, HubError, BundleError: as `transfer_tickets`.
    """
    terms.check()
    named = named_places(places)
    if not named or not datasets or any(each is None for each in datasets):
        raise RecipeError("There is nothing to transfer.", "Name a ticket and a data set.")

    @functools.cache  # where names are all that is given, what is cheap is refused before a pull
    def opened() -> list[tuple[Source, tuple[int, ...]]]:
        """The tickets, each with its levels."""
        return [open_source(name, terms.hub, otherwise=levels) for name in named]

    def tickets() -> list[Source]:
        """The tickets alone."""
        return [source for source, _ in opened()]

    changes = terms.changes or {}
    about = dict(kept_data(each, tickets, changes, data_dir) for each in datasets)
    names, owns = list(about), own or {}
    unknown = sorted(set(owns) - set(names))
    if unknown:
        raise RecipeError(
            f"An own ticket is given for {unknown[0]!r}, which is none of the data sets.",
            f"The data sets are {', '.join(names)}.",
        )
    if OWN in terms.against and not owns:
        raise RecipeError(
            "The control 'own' needs the own ticket of a data set.",
            "Name it with `--own NAME=ADDRESS`.",
        )
    by_data = {name: _terms_of(name, about, terms) for name in names}
    labels = _labels(named, tickets())
    return TransferPlan(
        cells=tuple(
            PlannedCell(
                ticket=label,
                data=name,
                plan=plan_for(source, chosen, by_data[name], dataset=name, own=owns.get(name)),
            )
            for name in names
            for label, (source, chosen) in zip(labels, opened(), strict=True)
        )
    )


def _terms_of(name: str, about: Mapping[str, Mapping[str, Any]], terms: Terms) -> Terms:
    """For one data set: its own changes; the control `own` comes with the target's own ticket.

    Args:
        about: by data set, what its examples say of themselves.
    """
    against = [control for control in terms.against if control != OWN]
    # The changes for all data sets, and then those for this one.
    split = [(*key.rpartition(":")[::2], value) for key, value in (terms.changes or {}).items()]
    unknown = sorted({data for data, _, _ in split if data} - set(about))
    if unknown:
        raise RecipeError(
            f"A setting is for {unknown[0]!r}, which is none of the data sets.",
            f"The data sets are {', '.join(about)}.",
        )
    said = {key: value for data in ("", name) for own, key, value in split if own == data}
    return dataclasses.replace(terms, against=against, changes={**about[name], **said})


def _labels(places: Sequence[str], sources: Sequence[Source]) -> list[str]:
    """A name for each ticket: the text without its level; of a folder the recipe's name.

    Where several have one recipe, folders are named by their last part.
    """
    twice = [each for each, count in Counter(source.id for source in sources).items() if count > 1]
    if twice:
        raise RecipeError(
            "One bundle is named twice.", "Name its levels together, such as `:3,7,11`."
        )
    plain = list(_without_levels(places))
    recipes = [each.bundle.manifest.recipe.name for each in sources]
    short = [
        recipe if recipes.count(recipe) == 1 and expanded(name).is_dir() else _brief(name)
        for recipe, name in zip(recipes, plain, strict=True)
    ]
    return [
        brief if short.count(brief) == 1 else name for brief, name in zip(short, plain, strict=True)
    ]


def _without_levels(places: Sequence[str]) -> Iterator[str]:
    for place in places:
        head, colon, tail = place.rpartition(":")
        yield head if colon and "/" not in tail and not Path(place).exists() else place


def _brief(name: str) -> str:
    path = expanded(name)
    if not path.is_dir():
        return name
    path = path.resolve()
    return path.parent.name if path.name == "bundle" else path.name
