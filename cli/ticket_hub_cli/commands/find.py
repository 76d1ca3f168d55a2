"""`ticket find`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticket_hub.home import runs_folder
from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.assignments import settings, sweep_settings
from ticket_hub_cli.engine_options import EngineChoice, engine_options
from ticket_hub_cli.named_types import RECIPE
from ticket_hub_cli.output import CommandOutput, command_line, percent
from ticket_hub_cli.pace import Pace
from ticket_hub_cli.plans import search_plan, tell_search_plan
from ticket_hub_cli.progress import watching
from ticket_hub_cli.steps import finish_log

if TYPE_CHECKING:
    from ticket_hub.recipe import Recipe
    from ticket_hub.runs import Log
    from ticket_hub.search import FindResult

COLUMNS = [
    Column("level", "LEVEL", right=True),
    Column("density", "WEIGHTS LEFT", percent, right=True),
    Column("test_accuracy", "TEST ACCURACY", percent, right=True),
    Column("early_stop", "EARLY STOP", ",.0f", right=True),
]


@options.command(
    "find",
    "ticket find digits-quick",
    "ticket find lenet-mnist --trials 5 --set training.iterations=20000",
    "ticket find ./mine.toml --out runs/mine --data-dir ~/data --device cuda:0",
    "ticket find lenet-mnist --engine local --engine-option slots=2",
    "ticket find digits-quick --log jsonl",
    "ticket find lenet-mnist --sweep training.lr=0.0006,0.0012,0.0024",
)
@click.argument("name", type=RECIPE)
@options.set_option
@options.sweep_option
@click.option("--trials", type=click.IntRange(min=1), help="Repetitions: search.trials.")
@click.option("--levels", type=click.IntRange(min=0), help="Pruning rounds: search.levels.")
@click.option("--backend", help="Force a training backend: training.backend.")
@click.option(
    "--out",
    "run_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the run.  [default: in TICKET_HOME, named by the recipe]",
)
@options.hub_option
@options.theta0_option("auto", "dense", "reference", default="auto")
@options.resource_options(
    "Go on with a run that was begun in another environment; it is then never bit-exact."
)
@engine_options
@options.log_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Check what would be searched, and say what it will be and need; train nothing.",
)
@options.import_option
@options.output_options
def command(
    name: str,
    assignments: tuple[str, ...],
    sweeps: tuple[str, ...],
    trials: int | None,
    levels: int | None,
    backend: str | None,
    engine: EngineChoice | None,
    hub: str | None,
    dry_run: bool,
    out: CommandOutput,
    **places: Any,  # noqa: ANN401 - the options that the library takes as they are
) -> None:
    """Find tickets by a recipe: a packaged one, or your own .toml file.

    The same command again goes on where it was stopped, by Ctrl-C or by anything else; stopped
    that way, it ends with exit code 75. Where the recipe begins with pretrained weights,
    network.weights, they are asked of --hub once, and then known by their digest.

    With --sweep, one run is made for each setting, one after the other; --out then names a folder
    for them. Levels that settings have in common, such as the dense one, are trained once.
    """
    from ticket_hub.recipe import load_recipe
    from ticket_hub.search.pretrained import pinned

    changes = settings(
        assignments, search__trials=trials, search__levels=levels, training__backend=backend
    )
    data_dir = places["resources"]["data_dir"]
    given, wanted = load_recipe(name).replace(changes), sweep_settings(sweeps)
    recipes = {
        about: pinned(recipe, data_dir, hub=hub)
        for about, recipe in (given.sweep(wanted) if wanted else {"": given}).items()
    }
    results, plans = {}, []
    runs = {about: _run_of(recipe, places, alone=not wanted) for about, recipe in recipes.items()}
    for number, (about, recipe) in enumerate(recipes.items(), 1):
        others = [run for setting, run in runs.items() if setting != about]
        here = places | {"run_folder": runs[about], "shared_with": others}
        if about:
            out.hint(f"Setting {number} of {len(recipes)}: {about}.")
        if dry_run and wanted and out.form == "json":
            plans.append({"setting": about} | search_plan(recipe, here))
        elif dry_run:
            tell_search_plan(recipe, here, out)
        else:
            results[about] = _searched(recipe, engine, out, here)
    if plans:
        out.json(plans)
    elif wanted and not dry_run:
        _tell_sweep(results, out)
    elif not dry_run:
        _tell(results[""], out)


def _run_of(recipe: Recipe, places: dict[str, Any], *, alone: bool) -> Path:
    """The folder of a run: the one that is named, or in it where it is one of several."""
    named: Path | None = places["run_folder"]
    if named is not None and alone:
        return named
    return (named or runs_folder()) / recipe.run_name


def _searched(
    recipe: Recipe, engine: EngineChoice | None, out: CommandOutput, places: dict[str, Any]
) -> FindResult:
    from ticket_hub.facade import draw_card
    from ticket_hub.runs import Log

    out.hint(f"Searching by {recipe.name} (recipe {recipe.digest[:12]}).")
    search = _find if engine is None else partial(_find_on, engine)
    log = Log.of(places["log"], places["run_folder"], searched=0)
    result = search(recipe, log, out, places)
    draw_card(result.bundle, out.hint)
    finish_log(log, result.run)
    return result


def _find(recipe: Recipe, log: Log, out: CommandOutput, places: dict[str, Any]) -> FindResult:
    from ticket_hub.runs import stop_on_signals
    from ticket_hub.search import find

    with (
        stop_on_signals() as should_stop,
        watching(recipe, stream=sys.stderr, quiet=out.form == "quiet", log=log) as watcher,
    ):
        return find(
            recipe,
            on_level=watcher.level,
            observe=watcher.observe,
            notify=watcher.notify,
            should_stop=should_stop,
            run_folder=places["run_folder"],
            theta0=places["theta0"],
            shared_with=places["shared_with"],
            **places["resources"],
        )


def _find_on(
    engine: EngineChoice, recipe: Recipe, log: Log, out: CommandOutput, places: dict[str, Any]
) -> FindResult:
    from ticket_hub.engines.runners import find_with

    pace = Pace.of(recipe)

    def begin(works: int) -> None:
        """Adapt what is shown to the number of parts."""
        log.searched = 0 if works == 1 else None  # parts are each at a level of their own
        pace.levels *= works
        # Rounded up: where they do not divide evenly, some parts have a trial more.
        pace.trials = -(-pace.trials // works)

    with engine.working(pace, out, begin, log=log) as given:
        return find_with(
            recipe=recipe,
            run_folder=places["run_folder"],
            theta0=places["theta0"],
            shared_with=places["shared_with"],
            **given,
            **places["resources"],
        )


def _tell(result: FindResult, out: CommandOutput) -> None:
    if out.form == "json":
        out.json(_table(result))
    elif out.form == "quiet":
        out.text(str(result.bundle))
    else:
        out.table(_table(result)["levels"], COLUMNS, name="level")
        out.tell(f"bundle: {result.bundle}")
    name = _name(result)
    show, report, retrain = (
        command_line("ticket", verb, name) for verb in ("show", "report", "retrain")
    )
    out.hint(f"{result.ending.about} Look closer with {show}, draw figures with {report},")
    out.hint(f"train a ticket beside its controls with {retrain}.")


def _name(result: FindResult) -> str | Path:
    return result.run.name if result.run.parent == runs_folder() else result.run


def _table(result: FindResult) -> dict[str, Any]:
    """A search as plain JSON values."""
    return {
        "run": result.run,
        "bundle": result.bundle,
        "recipe": result.recipe.name,
        "digest": result.recipe.digest,
        "ending": {"reason": result.ending.reason, "about": result.ending.about},
        "levels": [
            {
                "level": each.index,
                "density": each.density,
                "test_accuracy": each.test_accuracy,
                "early_stop": each.early_stop,
            }
            for each in result.levels
        ],
    }


def _tell_sweep(results: dict[str, FindResult], out: CommandOutput) -> None:
    if out.form == "json":
        out.json([{"setting": about} | _table(each) for about, each in results.items()])
        return
    if out.form == "quiet":
        for each in results.values():
            out.text(str(each.bundle))
        return
    if out.form != "human":
        levels = {about: _table(each)["levels"] for about, each in results.items()}
        out.json([{"setting": about} | each for about, rows in levels.items() for each in rows])
        return
    for about, each in results.items():
        out.text(f"{about}: {each.run}")
        out.table(_table(each)["levels"], COLUMNS, name="level")
    runs = [_name(each) for each in results.values()]
    compare = command_line("ticket", "compare", *runs, "--html", "sweep.html")
    out.hint(f"Put the runs beside each other, in one figure too, with {compare}.")
