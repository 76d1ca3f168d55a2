from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.helpers.engine_waiting import events, until, until_over
from tests.helpers.runs import files
from ticket_hub import search
from ticket_hub.engines.base import Engine, Work
from ticket_hub.engines.child_environment import child_environment
from ticket_hub.engines.folder import WorkFolder
from ticket_hub.engines.local import LocalEngine, from_options
from ticket_hub.engines.slots import Slot, SlotPool, cpu_slots, gpu_slots, machine_slots
from ticket_hub.errors import DataNotFoundError, EngineError, WorkLostError
from ticket_hub.recipe import Recipe
from ticket_hub.runs.lock import hold

Making = Callable[..., Work]


def _process(folder: Path) -> int:
    return int(json.loads((folder / "process.json").read_bytes())["process"])


def _of(folder: Path, member: str) -> list[int]:
    """The iterations that a work has told of one member."""
    told = events(folder, "progress")
    return [int(str(event["iteration"])) for event in told if event["member"] == member]


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_local_engine_is_an_engine(engine: LocalEngine) -> None:
    assert isinstance(engine, Engine)


def test_a_work_leaves_the_same_run_as_the_library(
    engine: LocalEngine, find_work: Making, tiny: Recipe, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    engine.submit(folder, find_work())
    assert until_over(engine, folder) == ["finished"]
    there = search.find(tiny, run_folder=tmp_path / "there", workers=1)
    assert files(tmp_path / "run") == files(tmp_path / "there")
    result = engine.result(folder)
    assert result["bundle"] == str(tmp_path / "run/bundle")
    assert result["digest"] == there.recipe.digest
    assert [level["density"] for level in result["levels"]] == [e.density for e in there.levels]
    assert [event["index"] for event in events(folder, "level")] == [0, 1, 2]
    assert [event["exit_code"] for event in events(folder, "ended")] == [0]
    assert not _has_members(_process(folder))  # no zombie either, though nobody closed the engine


@pytest.mark.usefixtures("forked_processes")
def test_a_failure_comes_back_as_the_error_that_it_was(
    engine: LocalEngine, find_work: Making, tiny: Recipe, tmp_path: Path
) -> None:
    recipe = tiny.replace({"data.name": f"folder:{tmp_path / 'nowhere'}"})
    engine.submit(tmp_path / "work", find_work(recipe))
    assert until_over(engine, tmp_path / "work") == ["failed"]
    with pytest.raises(DataNotFoundError) as caught:
        engine.result(tmp_path / "work")
    assert "nowhere" in caught.value.problem
    assert caught.value.remedy
    assert json.loads((tmp_path / "work/failure.json").read_bytes())["exit_code"] == 5


@pytest.mark.usefixtures("forked_processes")
def test_works_wait_for_a_slot_and_are_begun_in_order(
    engine: LocalEngine, find_work: Making, endless: Recipe, tmp_path: Path
) -> None:
    folders = [tmp_path / f"work-{number}" for number in range(3)]
    for folder in folders:
        engine.submit(folder, find_work(endless, tmp_path / f"run-{folder.name}"))
    assert [engine.poll(folder).state for folder in folders] == ["running", "running", "queued"]
    engine.cancel(folders[0])
    assert engine.poll(folders[0]).state == "cancelled"
    assert [engine.poll(folder).state for folder in folders[1:]] == ["running", "running"]
    engine.cancel(folders[2])


@pytest.mark.usefixtures("forked_processes")
def test_cancelled_a_work_keeps_a_checkpoint_and_can_go_on(
    engine: LocalEngine, find_work: Making, endless: Recipe, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    engine.submit(folder, find_work(endless, workers=2))
    until(lambda: bool(events(folder, "progress")))
    engine.cancel(folder)
    assert engine.poll(folder).state == "cancelled"
    assert [event["exit_code"] for event in events(folder, "ended")] == [75]
    reached = json.loads((tmp_path / "run/checkpoints/000/trial-0.json").read_bytes())
    with pytest.raises(WorkLostError):
        engine.result(folder)
    before = len(_of(folder, "trial-0"))
    engine.submit(folder, find_work(endless, workers=2))
    until(lambda: _of(folder, "trial-0")[before:] != [])
    assert _of(folder, "trial-0")[before] >= reached["generations"][0]["iteration"]


def test_a_work_that_does_not_listen_is_killed(find_work: Making, tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "work")
    folder.prepare(find_work())
    deaf = (
        "import os, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "from ticket_hub.runs.lock import hold; from pathlib import Path\n"
        f"with hold(Path({str(folder.lock)!r})): print('held', flush=True); time.sleep(600)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    engine = LocalEngine(pool=SlotPool(cpu_slots(1), tmp_path / "slots"), grace_seconds=0.2)
    engine._children[folder.path] = child
    engine.cancel(folder.path)
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    until(lambda: not _has_members(child.pid))
    assert engine.poll(folder.path).state == "cancelled"


@pytest.mark.usefixtures("forked_processes")
def test_a_work_on_another_machine_stops_by_the_mark_in_its_folder(
    engine: LocalEngine, find_work: Making, endless: Recipe, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    engine.submit(folder, find_work(endless))
    until(lambda: bool(events(folder, "progress")))
    place = folder / "process.json"
    place.write_text(json.dumps(json.loads(place.read_bytes()) | {"host": "elsewhere"}), "utf-8")
    elsewhere = LocalEngine(pool=SlotPool(cpu_slots(1), tmp_path / "others"), grace_seconds=60.0)
    elsewhere.cancel(folder)
    assert elsewhere.poll(folder).state == "cancelled"
    assert [event["exit_code"] for event in events(folder, "ended")] == [75]
    assert until_over(engine, folder) == ["cancelled"]


@pytest.mark.usefixtures("forked_processes")
def test_a_new_engine_finds_the_works_and_the_slots_of_one_that_is_gone(
    engine: LocalEngine, find_work: Making, endless: Recipe, tmp_path: Path
) -> None:
    script = (
        "import json, sys; from pathlib import Path\n"
        "from ticket_hub.engines.base import Work\n"
        "from ticket_hub.engines.local import LocalEngine\n"
        "from ticket_hub.engines.slots import SlotPool, cpu_slots\n"
        "place, table = Path(sys.argv[1]), json.loads(sys.argv[2])\n"
        "engine = LocalEngine(pool=SlotPool(cpu_slots(2), place / 'slots'))\n"
        "engine.submit(place / 'work', Work.from_table(table))\n"
        "import os; os.kill(os.getpid(), 9)"
    )
    table = json.dumps(find_work(endless).to_table())
    gone = subprocess.run([sys.executable, "-c", script, str(tmp_path), table], check=False)
    assert gone.returncode == -signal.SIGKILL
    folder = tmp_path / "work"
    until(lambda: (folder / "process.json").exists() or not WorkFolder(folder).is_running)
    assert engine.poll(folder).state == "running"
    engine.submit(folder, find_work(endless))
    other = tmp_path / "work-other"
    engine.submit(other, find_work(endless, tmp_path / "other"))
    third = tmp_path / "work-third"
    engine.submit(third, find_work(endless, tmp_path / "third"))
    assert engine.poll(other).state == "running"
    assert engine.poll(third).state == "queued"
    until(lambda: bool(events(folder, "progress")))
    engine.cancel(folder)
    assert engine.poll(folder).state == "cancelled"
    assert len(events(folder, "started")) == 1


@pytest.mark.usefixtures("forked_processes")
def test_a_tethered_work_ends_with_a_checkpoint_when_its_submitter_dies(
    engine: LocalEngine, find_work: Making, endless: Recipe, tmp_path: Path
) -> None:
    script = (
        "import json, sys, time; from pathlib import Path\n"
        "from ticket_hub.engines.base import Work\n"
        "from ticket_hub.engines.local import LocalEngine\n"
        "from ticket_hub.engines.slots import SlotPool, cpu_slots\n"
        "place, table = Path(sys.argv[1]), json.loads(sys.argv[2])\n"
        "pool = SlotPool(cpu_slots(2), place / 'slots')\n"
        "engine = LocalEngine(pool=pool, tethered=True)\n"
        "engine.submit(place / 'work', Work.from_table(table))\n"
        "time.sleep(600)"
    )
    folder = tmp_path / "work"
    table = json.dumps(find_work(endless).to_table())
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path), table]) as submitter:
        until(lambda: bool(events(folder, "progress")))
        submitter.kill()
    until(lambda: not WorkFolder(folder).is_running)
    assert [event["exit_code"] for event in events(folder, "ended")] == [75]
    assert (tmp_path / "run/checkpoints/000/trial-0.json").exists()
    assert engine.poll(folder).state == "stopped"


@pytest.mark.usefixtures("forked_processes")
def test_killed_at_once_a_work_loses_what_came_after_its_last_checkpoint_and_nothing_else(
    engine: LocalEngine,
    find_work: Making,
    long: Recipe,
    undisturbed: dict[str, str],
    tmp_path: Path,
) -> None:
    folder, manifest = tmp_path / "work", tmp_path / "run/checkpoints/000/trial-3.json"
    work = find_work(long, checkpoint_seconds=0.1)
    engine.submit(folder, work)
    until(lambda: manifest.exists() or engine.poll(folder).is_over)
    os.killpg(_process(folder), signal.SIGKILL)
    assert until_over(engine, folder) == ["stopped"]
    reached = json.loads(manifest.read_bytes())["generations"][0]["iteration"]
    before = len(_of(folder, "trial-3"))
    engine.submit(folder, work)
    assert until_over(engine, folder) == ["finished"]
    assert _of(folder, "trial-3")[before] >= reached
    assert files(tmp_path / "run") == undisturbed


def test_a_second_process_for_the_same_work_is_refused_and_changes_nothing(
    find_work: Making, tmp_path: Path
) -> None:
    folder = WorkFolder(tmp_path / "work")
    folder.prepare(find_work())
    with hold(folder.lock):
        second = subprocess.run(
            [sys.executable, "-m", "ticket_hub.engines.execute", str(folder.path)],
            check=False,
            capture_output=True,
            text=True,
        )
    assert second.returncode == 8
    assert "being worked on" in second.stderr
    assert {path.name for path in folder.path.iterdir()} == {"lock", "work.json"}


def test_the_process_of_a_work_sees_no_token(
    engine: LocalEngine,
    find_work: Making,
    endless: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "PYTHON_TOKEN"):
        monkeypatch.setenv(name, "canary-19d5")
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann:canary-19d5@db/tickets")
    folder = tmp_path / "work"
    engine.submit(folder, find_work(endless))
    until(lambda: bool(events(folder, "started")))
    seen = Path(f"/proc/{_process(folder)}/environ").read_bytes()
    assert b"canary-19d5" not in seen
    assert b"HF_TOKEN_PATH=/dev/null" in seen
    assert b"OMP_NUM_THREADS=1" in seen
    assert b"CUDA_VISIBLE_DEVICES=\0" in seen
    assert b"TICKET_HOME=" in seen


def test_the_surroundings_keep_what_is_needed() -> None:
    given = {"PATH": "/bin", "LC_ALL": "C", "HF_TOKEN": "x", "TICKET_HUB_TOKEN": "x", "FOO": "x"}
    network = {
        "HTTPS_PROXY": "http://proxy", "no_proxy": "lab", "HF_ENDPOINT": "https://hub.lab",
    }  # fmt: skip
    kept = child_environment(given | network, cuda="1")
    assert kept.items() >= network.items()  # a data set that is not here yet is downloaded there
    assert kept["PATH"] == "/bin"
    assert kept["LC_ALL"] == "C"
    assert kept["CUDA_VISIBLE_DEVICES"] == "1"
    assert not {"HF_TOKEN", "TICKET_HUB_TOKEN", "FOO"} & kept.keys()


def test_a_slot_decides_the_gpu(
    engine: LocalEngine, find_work: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EngineError, match="a slot decides"):
        engine.submit(tmp_path / "work", find_work(device="cuda:1"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu_slots() == ()
    assert [slot.cuda for slot in machine_slots()] == [""] * len(machine_slots())


def test_a_gpu_may_have_several_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    slots = machine_slots(per_gpu=2)
    assert [slot.name for slot in slots] == ["gpu-0", "gpu-3", "gpu-0-1", "gpu-3-1"]
    assert [slot.cuda for slot in slots] == ["0", "3", "0", "3"]
    assert {slot.sharing for slot in slots} == {2}
    assert child_environment({}, cuda="0", sharing=2)["TICKET_GPU_SHARE"] == "2"
    assert "TICKET_GPU_SHARE" not in child_environment({}, cuda="0")
    assert [slot.name for slot in machine_slots()] == ["gpu-0", "gpu-3"]
    engine = from_options({"slots-per-gpu": "2"})
    assert engine.slots == 4
    with pytest.raises(EngineError, match="0 slots on a GPU"):
        from_options({"slots-per-gpu": "0"})


def test_slots_share_the_cores() -> None:
    assert [slot.name for slot in machine_slots(2)] == ["cpu-0", "cpu-1"]
    assert cpu_slots(10_000)[0].workers == 1
    with pytest.raises(EngineError, match="0 slots"):
        cpu_slots(0)


def test_a_slot_is_given_to_one_at_a_time(tmp_path: Path) -> None:
    pool = SlotPool([Slot(name="only")], tmp_path)
    taken = pool.take()
    assert taken is not None
    assert pool.take() is None
    os.close(taken[1])
    again = pool.take()
    assert again is not None
    os.close(again[1])
