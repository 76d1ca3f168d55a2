from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ticket_hub import find
from ticket_hub.home import runs_folder
from ticket_hub.recipe import Recipe
from ticket_hub.runs import list_runs
from ticket_hub.search import search


def test_a_run_is_listed_with_how_far_it_is(tiny: Recipe) -> None:
    assert list_runs() == []
    working = search(tiny)
    next(working)
    (running,) = list_runs()
    assert (running.state, running.levels, running.planned) == ("running", 1, 3)
    assert running.path == runs_folder() / tiny.run_name
    working.close()
    assert list_runs()[0].state == "stopped"
    list(search(tiny))
    (finished,) = list_runs()
    assert (finished.state, finished.levels, finished.trials) == ("finished", 3, 2)
    assert finished.ending == "All 2 rounds are done."
    assert finished.density == 393 / 592


def test_a_damaged_run_is_listed_as_such(tiny: Recipe) -> None:
    next(search(tiny))
    (runs_folder() / tiny.run_name / "levels/000/seal.json").write_text("{")
    (damaged,) = list_runs()
    assert damaged.state == "damaged"
    assert "seal.json is damaged" in damaged.ending


def test_listing_runs_needs_no_torch(tmp_path: Path) -> None:
    code = "import sys, ticket_hub; ticket_hub.list_runs(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_find_goes_from_a_name_to_the_whole_ladder(tiny: Recipe, tmp_path: Path) -> None:
    changes = {
        "network.name": "lenet-8",
        "training.iterations": 12,
        "search.levels": 2,
        "search.trials": 2,
        "training.evaluate_every": 4,
        "training.backend": "stack",
    }
    seen: list[int] = []
    result = find("digits-quick", changes=changes, on_level=lambda level: seen.append(level.index))
    assert result.recipe == tiny
    assert result.run == runs_folder() / tiny.run_name
    assert [level.index for level in result.levels] == seen == [0, 1, 2]
    assert result.ending.reason == "levels"
    assert find(tiny) == result
