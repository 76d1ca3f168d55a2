from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from ticket_hub import errors, search
from ticket_hub.engines.base import Find, Retrain, Work
from ticket_hub.engines.folder import WorkFolder
from ticket_hub.engines.progress import ProgressFile
from ticket_hub.engines.run_work import do_work
from ticket_hub.errors import (
    DataNotFoundError,
    EngineError,
    LayerCollapseError,
    RecipeError,
    RunLockedError,
    WorkLostError,
)
from ticket_hub.recipe import Recipe
from ticket_hub.runs.lock import hold
from ticket_hub.transfer.planning import plan
from ticket_hub.transfer.terms import Terms

Making = Callable[..., Work]


def test_a_work_survives_json_and_pickling(find_work: Making) -> None:
    work = find_work(workers=2)
    assert Work.from_table(json.loads(json.dumps(work.to_table()))) == work
    assert pickle.loads(pickle.dumps(work)) == work


def test_a_retraining_survives_json(find_work: Making, tiny: Recipe, tmp_path: Path) -> None:
    found = search.find(tiny, run_folder=tmp_path / "found", workers=1)
    wanted = plan(found.bundle, Terms(trials=3), own=found.bundle)
    work = Work(
        retrain=Retrain.of(wanted, who="Ann"),
        run_folder=str(tmp_path / "again"),
        data_dir=str(tmp_path),
    )
    assert work.kind == "retrain"
    assert Work.from_table(json.loads(json.dumps(work.to_table()))) == work
    assert work.retrain is not None
    assert work.retrain.spec.digest == wanted.spec.digest


def test_a_work_is_one_thing_to_do(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="one search or one retraining"):
        Work(run_folder=str(tmp_path), data_dir=str(tmp_path))
    with pytest.raises(EngineError, match="not an absolute path"):
        Work(find=Find(recipe=tiny), run_folder="run", data_dir=str(tmp_path))


def test_an_unknown_key_of_a_work_is_refused(find_work: Making) -> None:
    table = find_work().to_table() | {"slots": 3}
    with pytest.raises(RecipeError, match="slots"):
        Work.from_table(table)


def test_a_folder_tells_how_far_its_work_is(find_work: Making, tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "work")
    assert folder.status().state == "new"
    folder.prepare(find_work())
    assert folder.read() == find_work()
    assert folder.status().state == "new"
    with hold(folder.lock):
        assert folder.status().state == "running"
    folder.progress.write_bytes(b"")
    assert folder.status().state == "stopped"
    folder.mark_cancelled()
    assert folder.status().state == "cancelled"
    folder.write_failure(DataNotFoundError("No data.", "Get some."))
    assert folder.status().state == "failed"
    folder.write_result({"kind": "find"})
    assert folder.status().state == "finished"
    assert folder.result() == {"kind": "find"}


def test_submitted_again_a_work_forgets_how_it_ended(find_work: Making, tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "work")
    folder.prepare(find_work())
    folder.mark_cancelled()
    folder.write_failure(DataNotFoundError("No data.", "Get some."))
    folder.prepare(find_work())
    assert folder.status().state == "new"


def test_another_work_forgets_the_result_and_waits_for_the_one_that_runs(
    find_work: Making, tmp_path: Path
) -> None:
    folder = WorkFolder(tmp_path / "work")
    folder.prepare(find_work())
    folder.write_result({})
    folder.prepare(find_work())
    assert folder.status().state == "finished"
    with hold(folder.lock), pytest.raises(RunLockedError):
        folder.prepare(find_work(workers=3))
    folder.prepare(find_work(workers=3))
    assert folder.status().state == "new"


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_comes_back_as_what_it_was(name: str, tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "work")
    kind = getattr(errors, name)
    folder.write_failure(kind("A problem.", "A remedy."))
    with pytest.raises(kind) as caught:
        folder.result()
    assert type(caught.value) is kind
    assert caught.value.args[:2] == ("A problem.", "A remedy.")
    assert pickle.loads(pickle.dumps(caught.value)).remedy == "A remedy."


def test_a_failure_of_an_unknown_kind_is_still_told(tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "work")
    folder.write_failure(LayerCollapseError("A problem.", "A remedy.", "fc.weight"))
    path = folder.path / "failure.json"
    path.write_text(path.read_text("utf-8").replace("LayerCollapseError", "eval"), "utf-8")
    with pytest.raises(EngineError, match="A problem"):
        folder.result()


def test_there_is_no_result_before_the_end(find_work: Making, tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "work")
    folder.prepare(find_work())
    with pytest.raises(EngineError, match="not done yet"):
        folder.result()
    folder.progress.write_bytes(b"")
    with pytest.raises(WorkLostError, match="ended before it was done"):
        folder.result()


def test_what_is_no_work_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="holds no work"):
        WorkFolder(tmp_path).read()
    (tmp_path / "work.json").write_text('{"format": 2, "work": {}}', "utf-8")
    with pytest.raises(EngineError, match="holds no work"):
        WorkFolder(tmp_path).read()


def test_a_search_as_a_work_takes_over_levels_of_other_runs(
    find_work: Making, tiny: Recipe, tmp_path: Path
) -> None:
    search.find(tiny, run_folder=tmp_path / "other", device="cpu")
    task = Find(
        recipe=tiny.replace({"search.rewind": "none"}), shared_with=(str(tmp_path / "other"),)
    )
    work = dataclasses.replace(find_work(), find=task)
    progress = tmp_path / "progress.jsonl"
    do_work(work, ProgressFile(progress))
    told = [json.loads(line) for line in progress.read_text().splitlines()]
    notices = [each for each in told if each["event"] == "notice"]
    assert len(notices) == 1
    assert "Level 0 is that of other, to the bit." in json.dumps(notices)
