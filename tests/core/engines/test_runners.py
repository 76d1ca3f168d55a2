from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import ticket_hub
from tests.helpers.runs import files
from ticket_hub import search
from ticket_hub.engines.choice import make_engine
from ticket_hub.engines.division import divide
from ticket_hub.engines.folder import works_folder
from ticket_hub.engines.local import LocalEngine
from ticket_hub.engines.runners import (
    Surveyor,
    find_with,
    retrain_with,
    transfer_with,
)
from ticket_hub.engines.slots import SlotPool, cpu_slots
from ticket_hub.errors import DataNotFoundError, EngineError, StoppedError
from ticket_hub.recipe import Recipe
from ticket_hub.runs.resources import Resources
from ticket_hub.training import Progress
from ticket_hub.transfer.planning import plan
from ticket_hub.transfer.terms import Terms
from ticket_hub.transfer.transfer_plan import plan_transfer
from ticket_hub.transfer.transferring import carry_out_transfer

pytestmark = pytest.mark.usefixtures("forked_processes")


def test_a_search_in_parts_leaves_the_bytes_of_one_made_in_one_process(
    engine: LocalEngine, tiny: Recipe, tmp_path: Path
) -> None:
    counts: list[int] = []
    steps: list[tuple[str, Mapping[str, Any]]] = []
    seen: list[Progress] = []
    surveyor = Surveyor(
        begin=counts.append,
        observe=seen.append,
        step=lambda name, event: steps.append((name, event)),
    )
    found = find_with(engine, tiny, run_folder=tmp_path / "run", surveyor=surveyor, device="cpu")
    there = search.find(tiny, run_folder=tmp_path / "there", workers=1)
    assert files(tmp_path / "run") == files(tmp_path / "there")
    assert found.levels == there.levels
    assert counts == [2]
    assert sorted((name, event["index"]) for name, event in steps) == [
        (name, index) for name in ("trials 0 to 1:", "trials 2 to 3:") for index in range(3)
    ]
    assert {each.member for each in seen} >= {"trials 0 to 1: trial-0", "trials 2 to 3: trial-1"}
    assert not (tmp_path / ".works").exists()


def test_a_search_that_was_stopped_goes_on_with_the_same_parts(
    engine: LocalEngine, tiny: Recipe, tmp_path: Path
) -> None:
    # After its first level a part must have so much to do that whoever stops it comes in time.
    tiny = tiny.replace({"training.iterations": 1500, "training.evaluate_every": 500})
    stops: list[object] = []
    surveyor = Surveyor(step=lambda *news: stops.append(news))
    run = tmp_path / "run"
    with pytest.raises(StoppedError, match="works to do"):
        find_with(
            engine,
            tiny,
            run_folder=run,
            surveyor=surveyor,
            should_stop=lambda: bool(stops),
            device="cpu",
        )
    assert not run.exists()
    seen: list[Progress] = []
    with contextlib.closing(LocalEngine(pool=SlotPool(cpu_slots(1), tmp_path / "slots"))) as one:
        assert len(divide(tiny, run, works_folder(run), one.slots)) == 2
        find_with(one, tiny, run_folder=run, device="cpu", observe=seen.append)
    assert seen
    search.find(tiny, run_folder=tmp_path / "there", workers=1)
    assert files(run) == files(tmp_path / "there")


def test_what_is_finished_is_read_without_any_work(
    engine: LocalEngine, tiny: Recipe, tmp_path: Path
) -> None:
    there = search.find(tiny, run_folder=tmp_path / "run", workers=1)
    again = find_with(engine, tiny, run_folder=tmp_path / "run")
    assert again.levels == there.levels
    assert not (tmp_path / ".works").exists()


def test_when_a_part_fails_its_error_is_raised_and_the_others_end(
    engine: LocalEngine, tiny: Recipe, tmp_path: Path
) -> None:
    recipe = tiny.replace({"data.name": f"folder:{tmp_path / 'nowhere'}"})
    with pytest.raises(DataNotFoundError):
        find_with(engine, recipe, run_folder=tmp_path / "run")
    works = list(works_folder(tmp_path / "run").glob("trials-*"))
    assert len(works) == 2
    assert {engine.poll(work).state for work in works} <= {"failed", "cancelled"}


@pytest.mark.parametrize(
    ("changes", "slots", "parts"),
    [
        ({}, 1, 1),
        ({}, 3, 3),
        ({}, 100, 4),
        ({"search.trials": 1}, 4, 1),
        ({"search.trials": 7}, 3, 3),
        ({"search.stop_below_dense": 0.1}, 4, 1),
    ],
)
def test_trials_are_divided_among_the_slots(
    tiny: Recipe, tmp_path: Path, changes: dict[str, Any], slots: int, parts: int
) -> None:
    recipe = tiny.replace(changes)
    found = divide(recipe, tmp_path / "run", tmp_path / "works", slots)
    assert len(found) == parts
    assert [trial for part in found for trial in range(part.first, part.first + part.count)] == [
        *range(recipe.search.trials)
    ]
    assert all(part.is_whole == (parts == 1) for part in found)
    assert divide(recipe, tmp_path / "run", tmp_path / "works", 2) == found
    assert max(part.count for part in found) - min(part.count for part in found) <= 1


def test_a_run_that_was_begun_in_one_process_goes_on_as_one_work(
    tiny: Recipe, tmp_path: Path
) -> None:
    search.find(tiny, run_folder=tmp_path / "run", workers=1)
    assert len(divide(tiny, tmp_path / "run", tmp_path / "works", 4)) == 1


def test_retrainings_and_transfers_leave_the_bytes_of_those_made_in_one_process(
    engine: LocalEngine, tiny: Recipe, tmp_path: Path
) -> None:
    found = search.find(tiny, run_folder=tmp_path / "found", workers=1)
    terms = Terms(against=["reinit", "finetune"], trials=3)
    wanted = plan(found.bundle, terms, own=found.bundle)
    done = retrain_with(engine, wanted, who="Ann", run_folder=tmp_path / "run", device="cpu")
    there = ticket_hub.retrain(
        found.bundle,
        against=["reinit", "finetune"],
        own=found.bundle,
        trials=3,
        who="Ann",
        run_folder=tmp_path / "there",
        workers=1,
    )
    assert files(tmp_path / "run") == files(tmp_path / "there")
    assert done.levels[0].verdict == there.levels[0].verdict

    terms = Terms(against=["finetune", "dense"], trials=3)
    cells = plan_transfer([found.bundle], ["digits"], terms)
    moved = transfer_with(engine, cells, who="Ann", run_folder=tmp_path / "moved", device="cpu")
    resources = Resources(workers=1)
    carry_out_transfer(cells, resources, who="Ann", run_folder=tmp_path / "moved-there")
    assert files(tmp_path / "moved") == files(tmp_path / "moved-there")
    assert moved.matrix.cells[0].n == 3


def test_an_engine_is_made_by_its_name() -> None:
    engine = make_engine("local", {"slots": "3"})
    assert engine.slots == 3
    for name, options, problem in (
        ("moon", {}, "no engine 'moon'"),
        ("local", {"gpus": "1"}, "no option 'gpus'"),
        ("local", {"slots": "many"}, "cannot be 'many'"),
        ("local", {"slots": "0"}, "0 slots"),
    ):
        with pytest.raises(EngineError, match=problem):
            make_engine(name, options)
