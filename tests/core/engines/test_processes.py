"""A work that several processes do together: each network is trained by all of them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers.engine_waiting import events, until, until_over
from tests.helpers.once import once
from tests.helpers.runs import files
from ticket_hub import search
from ticket_hub.engines.base import Work
from ticket_hub.engines.choice import make_engine
from ticket_hub.engines.local import LocalEngine, from_options
from ticket_hub.engines.runners import find_with
from ticket_hub.engines.slots import SlotPool, cpu_slots, gpu_slots
from ticket_hub.errors import EngineError, TrainingError
from ticket_hub.recipe import Recipe

Making = Callable[..., Work]

pytestmark = pytest.mark.usefixtures("forked_processes")


def pair_in(folder: Path) -> LocalEngine:
    """An engine of one slot, whose works are done by two processes each."""
    return LocalEngine(pool=SlotPool(cpu_slots(1), folder / "slots"), processes=2)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[LocalEngine]:
    engine = pair_in(tmp_path)
    yield engine
    engine.close()  # its processes may still be ending


@pytest.fixture
def shared(tiny: Recipe) -> Recipe:
    """A search of a second, whose batches two cannot share evenly."""
    return tiny.replace(
        {
            "network.name": "lenet-24",
            "training.backend": "plain",
            "training.batch_size": 61,
            "training.iterations": 300,
            "training.evaluate_every": 50,
            "search.levels": 1,
            "search.trials": 2,
        }
    )


@pytest.fixture
def made(shared: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that two processes made undisturbed, by the command's own function."""

    def make(folder: Path) -> None:
        with closing(pair_in(folder)) as engine:
            find_with(engine, shared, run_folder=folder / "run", device="cpu", data_dir=folder)

    return once(tmp_path_factory, "made-by-two", make) / "run"


def companions(folder: Path) -> list[int]:
    """The processes that train along with the one that does a work."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--companion" in words and str(folder).encode() in words:
            found.append(int(place.parent.name))
    return found


def test_a_work_of_two_processes_finds_what_one_finds(
    made: Path, shared: Recipe, tmp_path: Path
) -> None:
    alone = search.find(shared, run_folder=tmp_path / "run", workers=1)
    ours, theirs = alone.run, made
    names = sorted(path.relative_to(ours) for path in ours.glob("bundle/*/**/*.safetensors"))
    assert {name.parts[1] for name in names} >= {"masks", "theta0"}
    for name in names:
        if name.parts[1] in {"masks", "theta0"}:
            assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
    trials = sorted(path.relative_to(ours) for path in ours.glob("levels/*/trial-*.safetensors"))
    assert len(trials) == 4
    for name in trials:
        found = load_file(theirs / name)
        for key, values in load_file(ours / name).items():
            torch.testing.assert_close(found[key], values, rtol=0, atol=1e-4)
    environment = json.loads((made / "environment.json").read_bytes())
    assert environment["environment"]["processes"] == "2"
    assert environment["bit_exact"]


def test_where_one_of_them_dies_the_work_fails_and_goes_on_to_the_same_bytes(
    pair: LocalEngine, find_work: Making, shared: Recipe, made: Path, tmp_path: Path
) -> None:
    folder, work = tmp_path / "work", find_work(shared, checkpoint_seconds=0.05)
    pair.submit(folder, work)
    until((tmp_path / "run/checkpoints/000/trial-0.json").exists)
    for process in companions(folder):
        os.kill(process, signal.SIGKILL)
    assert until_over(pair, folder) == ["failed"]
    with pytest.raises(TrainingError, match="Process 0 of 2 has lost the others"):
        pair.result(folder)
    before = len(events(folder, "progress"))
    pair.submit(folder, work)
    assert until_over(pair, folder) == ["finished"]
    assert events(folder, "progress")[before]["iteration"] != 0
    assert files(tmp_path / "run") == files(made)


def test_cancelled_all_of_them_end_with_a_checkpoint(
    pair: LocalEngine, find_work: Making, endless: Recipe, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    pair.submit(folder, find_work(endless.replace({"training.backend": "auto"})))
    until(lambda: bool(events(folder, "progress")))
    assert companions(folder)
    pair.cancel(folder)
    assert pair.poll(folder).state == "cancelled"
    assert [event["exit_code"] for event in events(folder, "ended")] == [75]
    manifest = json.loads((tmp_path / "run/checkpoints/000/trial-0.json").read_bytes())
    assert manifest["generations"][0]["iteration"] > 0
    until(lambda: not companions(folder))


def test_processes_have_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,4,5,7")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 5)
    assert [slot.cuda for slot in gpu_slots(processes=2)] == ["0,1", "4,5"]
    assert [slot.name for slot in gpu_slots(2, processes=5)] == ["gpu-0+1+4+5+7", "gpu-0+1+4+5+7-1"]
    assert from_options({"processes": "2"}).slots == 2
    with pytest.raises(EngineError, match="A work of 6 processes needs as many GPUs, and has 5"):
        from_options({"processes": "6"})
    with pytest.raises(EngineError, match="No network is trained by 0 processes"):
        make_engine("local", {"processes": "0"})
