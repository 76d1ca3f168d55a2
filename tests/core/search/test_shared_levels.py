from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.runs import files
from ticket_hub.recipe import Recipe
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.resources import Resources
from ticket_hub.search import find
from ticket_hub.search.imp import search
from ticket_hub.search.run_levels import RunLevels
from ticket_hub.search.shared_levels import SharedLevels
from ticket_hub.training import Member

RATES = {"pruning.rates": {"fc": 0.6, "output": 0.3}}


def _run(recipe: Recipe, folder: Path, others: Sequence[Path] = ()) -> list[int]:
    """Search, and say which levels were taken over."""
    told: list[str] = []
    resources = Resources(device="cpu", workers=1, notify=told.append)
    list(search(recipe, run_folder=folder, resources=resources, shared_with=others))
    return [int(each.split()[1]) for each in told if "to the bit" in each]


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ({}, RATES, [0]),
        ({}, {"pruning.scope": "global", "pruning.rates": {"fc": 0.2, "output": 0.2}}, [0]),
        ({}, {"search.rewind": "none"}, [0]),
        ({"search.rewind": "lr"}, {"search.rewind": "none"}, [0]),
        ({}, {"pruning.mode": "one-shot"}, [0, 1]),
        ({"pruning.mode": "one-shot"}, {}, [0, 1]),
        ({}, {"search.levels": 1}, [0, 1]),
        ({"search.levels": 1}, {}, [0, 1]),
        ({"search.rewind": "4it"}, {}, [0]),
        ({"search.rewind": "4it"}, {"search.rewind": "4it"} | RATES, [0]),
        ({}, {"search.seed": 1, "search.trials": 1}, [0, 1, 2]),
        ({}, {"pruning.when": "gradual", "pruning.mode": "one-shot", "pruning.every": 2}, [0]),
        ({}, {"search.rewind": "4it"}, []),  # no run has kept the weights of iteration 4
        ({}, {"training.lr": 0.01}, []),
        ({}, {"search.seed": 5}, []),
    ],
)
def test_a_level_is_shared_where_it_is_the_same_and_the_run_is_that_of_a_search_alone(
    tiny: Recipe, tmp_path: Path, first: dict[str, Any], second: dict[str, Any], shared: list[int]
) -> None:
    other, mine, alone = tmp_path / "other", tmp_path / "mine", tmp_path / "alone"
    _run(tiny.replace(first), other)
    assert _run(tiny.replace(second), mine, [tmp_path / "none", other]) == shared
    _run(tiny.replace(second), alone)
    assert files(mine) == files(alone)


def test_runs_that_may_differ_and_damaged_ones_share_nothing(tiny: Recipe, tmp_path: Path) -> None:
    other = tmp_path / "other"
    _run(tiny, other)
    environment = other / "environment.json"
    begun = environment.read_text()
    table = json.loads(begun)
    for changed in (
        table | {"bit_exact": False},
        table | {"environment": table["environment"] | {"torch": "1.0"}},
    ):
        environment.write_text(json.dumps(changed))
        assert _run(tiny.replace(RATES), tmp_path / json.dumps(changed)[-9:-2], [other]) == []
    environment.write_text(begun)
    damaged = other / "levels" / "000" / "trial-1.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert _run(tiny.replace(RATES), tmp_path / "damaged", [other]) == []
    _run(tiny.replace(RATES), tmp_path / "alone")
    assert files(tmp_path / "damaged") == files(tmp_path / "alone")


def test_a_search_that_was_stopped_goes_on_with_what_has_become_known_meanwhile(
    tiny: Recipe, tmp_path: Path
) -> None:
    resources = Resources(device="cpu", workers=1)
    begun = search(tiny, run_folder=tmp_path / "mine", resources=resources)
    next(begun)
    begun.close()
    find(tiny.replace({"pruning.mode": "one-shot"}), run_folder=tmp_path / "other", device="cpu")
    assert _run(tiny, tmp_path / "mine", [tmp_path / "other"]) == [1]
    _run(tiny, tmp_path / "alone")
    assert files(tmp_path / "mine") == files(tmp_path / "alone")


def test_on_a_gpu_a_population_is_shared_whole_where_its_bits_depend_on_its_members(
    tiny: Recipe, tmp_path: Path
) -> None:
    """The table of `docs/training.md`: here `stack`, in runs that say that they are of a GPU."""

    def shared(level: int, trials: int, of: str, by: str = "") -> int:
        header = RunFolder(tmp_path / (by or of)).read_header()
        assert header is not None
        run = RunLevels(tmp_path / of)
        members = [
            Member(
                name=str(trial),
                seed=trial,
                level=level,
                weights=run.theta0[trial],
                mask=run.read(level).trials[trial].mask,
            )
            for trial in range(trials)
        ]
        found = SharedLevels(header, run.folder.read_environment()[0], [tmp_path / of])
        return sum(len(each) for _, each in found.trained(members, []))

    for name, changes in (("iterative", {}), ("one-shot", {"pruning.mode": "one-shot"})):
        _run(tiny.replace(changes), tmp_path / name)
        environment = tmp_path / name / "environment.json"
        table = json.loads(environment.read_text())
        assert (shared(0, 2, name), shared(1, 1, name)) == (2, 1)
        environment.write_text(
            json.dumps(table | {"environment": table["environment"] | {"cuda": "12.8"}})
        )
        assert shared(0, 2, name) == 2
        assert shared(0, 1, name) == 0
    assert shared(1, 2, "iterative") == 2
    assert shared(1, 2, "one-shot") == 0  # it was trained together with level 2
    assert shared(0, 2, "iterative", by="one-shot") == 2
    assert shared(1, 2, "iterative", by="one-shot") == 0  # it would be
