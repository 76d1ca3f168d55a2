"""One-shot levels wait for no training but that of the weights which they are pruned from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.runs import files
from ticket_hub.errors import StoppedError
from ticket_hub.recipe import Recipe
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.resources import Resources
from ticket_hub.search import search
from ticket_hub.training import Progress

ONE_SHOT = {"pruning.mode": "one-shot", "search.levels": 3}
WAYS: dict[str, dict[str, Any]] = {
    "at the initialization": {"pruning.when": "init", "pruning.criterion": "snip"},
    "at an early step": {"pruning.when": "4it", "search.rewind": "4it"},
    "after training": {"search.rewind": "none"},
    "to densities": {"pruning.when": "init", "pruning.densities": [0.5, 0.2, 0.1]},
}


def trained_before_the_first_yield(recipe: Recipe, folder: Path) -> list[set[str]]:
    """The names of all members that were trained before each level was given away."""
    seen: set[str] = set()
    resources = Resources(workers=1, observe=lambda each: seen.add(each.member))
    return [set(seen) for _ in search(recipe, run_folder=folder, resources=resources)]


@pytest.mark.parametrize("way", WAYS)
def test_levels_made_together_are_byte_for_byte_those_made_apart(
    tiny: Recipe, tmp_path: Path, way: str
) -> None:
    recipe = tiny.replace(ONE_SHOT | WAYS[way])
    list(search(recipe, run_folder=tmp_path / "together"))
    for levels in range(4):
        list(search(recipe.replace({"search.levels": levels}), run_folder=tmp_path / "apart"))
    assert files(tmp_path / "together") == files(tmp_path / "apart")


def test_all_densities_and_trials_of_an_early_search_train_as_one_population(
    tiny: Recipe, tmp_path: Path
) -> None:
    early = tiny.replace(ONE_SHOT | WAYS["to densities"])
    members = {f"{level:03d}/trial-{trial}" for level in range(4) for trial in range(2)}
    assert trained_before_the_first_yield(early, tmp_path / "early") == [members] * 4
    later = tiny.replace(ONE_SHOT | WAYS["at an early step"])
    first, *others = trained_before_the_first_yield(later, tmp_path / "later")
    assert first == {"trial-0", "trial-1"}
    assert others == [first | {name for name in members if not name.startswith("000")}] * 3


def test_a_level_that_ends_by_its_accuracy_is_waited_for(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.replace(ONE_SHOT | WAYS["at the initialization"] | {"search.stop_below_dense": 1})
    found = trained_before_the_first_yield(recipe, tmp_path / "run")
    assert found == [{"trial-0", "trial-1"}] * 4


def test_a_layer_that_would_be_emptied_ends_the_population_before_it(
    tiny: Recipe, tmp_path: Path
) -> None:
    changes = {"pruning.criterion": "initial-magnitude", "pruning.densities": [0.5, 0.001]}
    ranked = {"pruning.scope": "global", "pruning.rates": {"fc": 0.2, "output": 0.2}}
    recipe = tiny.replace(ONE_SHOT | {"pruning.when": "init"} | changes | ranked)
    levels = list(search(recipe, run_folder=tmp_path / "run"))
    assert levels[-1].ending is not None
    assert (levels[-1].index, levels[-1].ending.reason) == (1, "collapse")


@pytest.mark.parametrize("way", ["at the initialization", "at an early step"])
def test_a_population_that_was_stopped_goes_on_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, way: str
) -> None:
    recipe = tiny.replace(ONE_SHOT | WAYS[way])
    wish = False

    def observe(progress: Progress) -> None:
        nonlocal wish
        if progress.member == "003/trial-1" and progress.iteration >= 8:
            wish = True
            time.sleep(0.06)  # the wish is asked for at most twenty times a second

    resources = Resources(workers=1, observe=observe, should_stop=lambda: wish)
    with pytest.raises(StoppedError, match="run the same command again"):
        list(search(recipe, run_folder=tmp_path / "run", resources=resources))
    states = [*(tmp_path / "run/checkpoints").glob("00[123]/trial-?.json")]
    assert len(states) == 6
    begun: dict[str, int] = {}

    def note(progress: Progress) -> None:
        begun.setdefault(progress.member, progress.iteration)

    again = Resources(workers=1, observe=note)
    list(search(recipe, run_folder=tmp_path / "run", resources=again))
    assert min(begun.values()) >= 8
    list(search(recipe, run_folder=tmp_path / "straight"))
    assert files(tmp_path / "run") == files(tmp_path / "straight")


def test_a_process_that_died_between_two_levels_of_a_population_leaves_a_whole_run(
    tiny: Recipe, tmp_path: Path
) -> None:
    recipe = tiny.replace(ONE_SHOT | WAYS["to densities"])
    list(search(recipe, run_folder=tmp_path / "run"))
    whole = files(tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    for level in (2, 3):  # as after a crash behind the seal of level 1
        (run.level(level) / "seal.json").unlink()
    (run.bundle / "ticket.json").unlink()
    levels = search(recipe, run_folder=tmp_path / "run")
    assert next(levels).index == 0
    assert (run.bundle / "ticket.json").is_file()
    list(levels)
    assert files(tmp_path / "run") == whole
