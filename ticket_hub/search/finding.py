"""The library's front door to a search: from a recipe's name to a bundle on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from torch import nn

from ticket_hub import home
from ticket_hub.recipe import Recipe, load_recipe
from ticket_hub.runs.level import Ending, Level, LevelSummary
from ticket_hub.runs.live_progress import telling
from ticket_hub.runs.resources import ResourceOptions, Resources, check_keywords
from ticket_hub.search.described import described
from ticket_hub.search.imp import search
from ticket_hub.search.pretrained import Theta0Choice, pinned
from ticket_hub.showing import Shown, View
from ticket_hub.table import Column, Table

__all__ = ["FindResult", "find", "result_of"]


LADDER = (
    Column("index", "level", right=True),
    Column("density", show=".2%", right=True),
    Column("test_accuracy", "test accuracy", ".2%", right=True),
    Column("early_stop", "early stop", ",.0f", right=True),
)


@dataclass(frozen=True, kw_only=True, repr=False)
class FindResult(Shown):
    """A finished search.

    Attributes:
        recipe: what was searched for.
        run: the run folder.
        bundle: the bundle in it; `Ticket.load(bundle)` opens a ticket.
        levels: the ladder, dense first.
        ending: why it ended.
    """

    recipe: Recipe
    run: Path
    bundle: Path
    levels: tuple[LevelSummary, ...]
    ending: Ending

    def __fspath__(self) -> str:
        """Its folder, so that it stands for that wherever a path does."""
        return str(self.run)

    def _view(self) -> View:
        return View(
            title=f"{self.recipe.name}: {self.recipe.network.name} on {self.recipe.data.name}",
            facts={"trials": self.recipe.search.trials, "bundle": self.bundle},
            table=Table.of(map(vars, self.levels), LADDER),
            code=f"ticket = ticket_hub.Ticket.load({str(self.bundle)!r})",
        )


def find(
    recipe: Recipe | Path | str | None = None,
    *,
    network: Callable[..., nn.Module] | str | None = None,
    data: object = None,
    changes: Mapping[str, Any] | None = None,
    trials: int | None = None,
    levels: int | None = None,
    run_folder: Path | str | None = None,
    theta0: Theta0Choice = "auto",
    hub: str | Path | None = None,
    shared_with: Sequence[Path | str] = (),
    on_level: Callable[[Level], None] | None = None,
    **resources: Unpack[ResourceOptions],
) -> FindResult:
    """Search for tickets and return where their bundle lies. The same call again resumes.

    Args:
        recipe: a recipe, the name of one that comes with the package, or the path of a .toml file;
            None, with both of the next, takes usual settings for what the data are.
        network: the class or function that builds your network, without arguments, called anew and
            seeded for each trial; or a name. See `ticket_hub.networks.register_factory`.
        data: `(x, y)` of arrays, tensors, pictures or texts, a torch Dataset, a dict of these by
            `train`, `val` and `test`; or a name. They are kept in the folder of the data sets; see
            `ticket_hub.data.keep`.
        changes: fields that differ from it: `{"training.iterations": 20000}`.
        trials, levels: `search.trials` and `search.levels`, as the options of `ticket find`.
        run_folder: where the run lies; by default `runs/NAME-DIGEST` under `TICKET_HOME`.
        theta0: how the bundle keeps the weights of a pretrained start: `dense`, `reference` or
            `auto`; see `ticket_hub.search.search`.
        hub: asked for pretrained weights that are not here; see `ticket_hub.hub.connect`.
        shared_with: folders of other runs, such as those of a sweep's other settings. Levels that
            one of them has trained equally are taken over; the bits are the same without.
        on_level: called with each level when its bundle is on disk.
        resources: `device`, `workers`, `data_dir`, `observe`, `notify`, `should_stop`,
            `accept_environment` and `checkpoint_seconds`; see `ticket_hub.runs.Resources`.

    Raises:
        RecipeError: there is no such recipe, key or value, or too little is given.
        TicketHubError: as `ticket_hub.search.search`.
    """
    check_keywords(find, resources, Resources)
    known = None if recipe is None else load_recipe(recipe)
    short = {"search.trials": trials, "search.levels": levels}
    wished = {
        **(changes or {}),
        **{key: value for key, value in short.items() if value is not None},
    }
    if known is None or network is not None or data is not None:
        known = described(known, network, data, wished, resources.get("data_dir"))
    elif wished:
        known = known.replace(wished)
    wanted = pinned(known, resources.get("data_dir"), hub=hub)
    folder = Path(run_folder) if run_folder else home.runs_folder() / wanted.run_name
    with telling(folder, Resources(**resources)) as given:
        made = search(
            wanted,
            run_folder=folder,
            resources=given,
            theta0=theta0,
            shared_with=[Path(run) for run in shared_with],
        )
        return result_of(wanted, folder, made, on_level)


def result_of(
    recipe: Recipe,
    folder: Path,
    levels: Iterable[Level],
    on_level: Callable[[Level], None] | None = None,
) -> FindResult:
    """Let a search run to its end, and say what came of it."""
    found: list[LevelSummary] = []
    ending: Ending | None = None
    for level in levels:
        found.append(level.summary)
        ending = level.ending
        if on_level is not None:
            on_level(level)
    assert ending is not None, "the last level says why it is the last"
    return FindResult(
        recipe=recipe, run=folder, bundle=folder / "bundle", levels=tuple(found), ending=ending
    )
