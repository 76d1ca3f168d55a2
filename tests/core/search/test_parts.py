from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.runs import files
from ticket_hub.errors import EnvironmentMismatchError, RunError
from ticket_hub.recipe import Recipe
from ticket_hub.runs.level import Level
from ticket_hub.runs.resources import Resources
from ticket_hub.search.imp import assemble, search
from ticket_hub.search.parts import part_of


@pytest.fixture
def three(tiny: Recipe) -> Recipe:
    return tiny.replace({"search.trials": 3, "search.seed": 7})


def _made(recipe: Recipe, folder: Path, *sizes: int) -> list[Path]:
    """The runs of so many trials each."""
    first, paths = 0, []
    for size in sizes:
        paths.append(folder / f"part-{first}")
        _run(part_of(recipe, first, size), paths[-1])
        first += size
    return paths


def _run(recipe: Recipe, folder: Path) -> list[Level]:
    return list(search(recipe, run_folder=folder, resources=Resources(device="cpu", workers=1)))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"search.rewind": "4it"},
        {"search.rewind": "4it", "pruning.criterion": "magnitude-increase"},
        {"search.rewind": "none"},
        {"pruning.mode": "one-shot", "pruning.target_density": 0.3},
        {"pruning.criterion": "random"},
        {"pruning.criterion": "gradient-magnitude"},
        {"training.test": "chosen", "training.patience": 4},
        pytest.param(
            {"training.backend": "auto", "search.levels": 9, "pruning.rates": {"fc": 0.5}},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_search_from_parts_is_byte_for_byte_the_one_made_at_once(
    three: Recipe, tmp_path: Path, changes: dict[str, Any]
) -> None:
    recipe = three.replace(changes)
    parts = _made(recipe, tmp_path, 2, 1)
    levels = list(assemble(recipe, parts, run_folder=tmp_path / "run"))
    whole = _run(recipe, tmp_path / "whole")
    assert files(tmp_path / "run") == files(tmp_path / "whole")
    assert [level.index for level in levels] == [level.index for level in whole]
    assert levels[-1].ending == whole[-1].ending


def test_a_layer_that_collapses_in_one_part_ends_the_whole_search(
    tiny: Recipe, tmp_path: Path
) -> None:
    recipe = tiny.replace(
        {
            "search.levels": 12,
            "search.trials": 3,
            "pruning.scope": "global",
            "pruning.rates": {"fc": 0.6, "output": 0.6},
        }
    )
    parts = _made(recipe, tmp_path, 1, 1, 1)
    counts = {len(list((part / "levels").iterdir())) for part in parts}
    levels = list(assemble(recipe, parts, run_folder=tmp_path / "run"))
    _run(recipe, tmp_path / "whole")
    assert files(tmp_path / "run") == files(tmp_path / "whole")
    assert levels[-1].ending is not None
    assert levels[-1].ending.reason == "collapse"
    assert len(levels) == min(counts)


def test_an_assembly_that_was_stopped_goes_on(three: Recipe, tmp_path: Path) -> None:
    parts = _made(three, tmp_path, 1, 2)
    some = assemble(three, parts, run_folder=tmp_path / "run")
    next(some)
    some.close()
    list(assemble(three, parts, run_folder=tmp_path / "run"))
    _run(three, tmp_path / "whole")
    assert files(tmp_path / "run") == files(tmp_path / "whole")


def test_parts_of_another_search_are_refused(three: Recipe, tmp_path: Path) -> None:
    parts = _made(three, tmp_path, 2, 1)
    for wrong, some in ((three.replace({"training.lr": 0.5}), parts), (three, parts[:1])):
        with pytest.raises(RunError, match="is no part of"):
            list(assemble(wrong, some, run_folder=tmp_path / "run"))
    with pytest.raises(RunError, match="is no run"):
        list(assemble(three, [tmp_path / "nowhere"], run_folder=tmp_path / "run"))
    assert not (tmp_path / "run/run.json").exists()


def test_a_part_that_is_not_finished_is_refused(three: Recipe, tmp_path: Path) -> None:
    parts = _made(three, tmp_path, 2, 1)
    shutil.rmtree(parts[1] / "levels/001")
    with pytest.raises(RunError, match="has no level 1"):
        list(assemble(three, parts, run_folder=tmp_path / "run"))


def test_parts_from_different_environments_are_refused_or_marked(
    three: Recipe, tmp_path: Path
) -> None:
    parts = _made(three, tmp_path, 2, 1)
    place = parts[1] / "environment.json"
    place.write_text(place.read_text("utf-8").replace('"threads": "1"', '"threads": "2"'), "utf-8")
    with pytest.raises(EnvironmentMismatchError):
        list(assemble(three, parts, run_folder=tmp_path / "run"))
    list(
        assemble(
            three, parts, run_folder=tmp_path / "run", resources=Resources(accept_environment=True)
        )
    )
    assert '"bit_exact": false' in (tmp_path / "run/environment.json").read_text("utf-8")


def test_a_part_that_is_not_bit_exact_makes_a_run_that_is_not(
    three: Recipe, tmp_path: Path
) -> None:
    parts = _made(three, tmp_path, 2, 1)
    place = parts[1] / "environment.json"
    place.write_text(place.read_text("utf-8").replace("true", "false"), "utf-8")
    list(assemble(three, parts, run_folder=tmp_path / "run"))
    assert '"bit_exact": false' in (tmp_path / "run/environment.json").read_text("utf-8")
