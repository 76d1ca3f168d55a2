from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.engine_waiting import events, until, until_over
from tests.helpers.runs import files
from ticket_hub.engines.base import Engine, Work
from ticket_hub.engines.choice import make_engine
from ticket_hub.engines.slurm import SlurmEngine, _is_over, from_options
from ticket_hub.errors import DataNotFoundError, EngineError
from ticket_hub.recipe import Recipe

pytest.importorskip("submitit")

Making = Callable[..., Work]


@pytest.fixture
def slurm(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SlurmEngine]:
    """Submitit's jobs on this machine; whatever still runs is cancelled."""
    engine = from_options({"cluster": "local", "time": "5"} | getattr(request, "param", {}))
    yield engine
    for folder in tmp_path.glob("work*"):
        engine.cancel(folder)
    until(lambda: all(_is_over(job) for job in engine._ending))
    engine.close()


def _job_of(folder: Path) -> int:
    """The process of submitit that attends a work."""
    process = events(folder, "started")[-1]["process"]
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return int(fields[1])


@pytest.mark.slow  # with each change one ends with a checkpoint, and `test_local.py` resumes one
def test_a_job_that_runs_out_of_time_is_queued_again_and_ends_with_the_same_bytes(
    slurm: SlurmEngine,
    find_work: Making,
    long: Recipe,
    undisturbed: dict[str, str],
    tmp_path: Path,
) -> None:
    folder, checkpoint = tmp_path / "work", tmp_path / "run/checkpoints/000/trial-3.json"
    assert isinstance(slurm, Engine)
    slurm.submit(folder, find_work(long, checkpoint_seconds=0.1))
    until(checkpoint.exists)
    os.kill(_job_of(folder), signal.SIGUSR2)  # what Slurm sends before the time is over
    assert until_over(slurm, folder) == ["finished"]
    assert [event["exit_code"] for event in events(folder, "ended")] == [75, 0]
    assert files(tmp_path / "run") == undisturbed


@pytest.mark.parametrize("slurm", [{"processes": "2"}], indirect=True)
def test_a_cancelled_job_of_two_processes_keeps_a_checkpoint(
    slurm: SlurmEngine, find_work: Making, endless: Recipe, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    slurm.submit(folder, find_work(endless.replace({"training.backend": "auto"})))
    until(lambda: bool(events(folder, "progress")))
    assert slurm.poll(folder).state == "running"
    slurm.cancel(folder)
    assert slurm.poll(folder).state == "cancelled"
    assert [event["exit_code"] for event in events(folder, "ended")] == [75]
    assert (tmp_path / "run/checkpoints/000/trial-0.json").exists()
    assert '"processes": "2"' in (tmp_path / "run/environment.json").read_text()


@pytest.mark.slow
def test_a_failure_in_a_job_comes_back(
    slurm: SlurmEngine, find_work: Making, tiny: Recipe, tmp_path: Path
) -> None:
    recipe = tiny.replace({"data.name": f"folder:{tmp_path / 'nowhere'}"})
    slurm.submit(tmp_path / "work", find_work(recipe))
    assert until_over(slurm, tmp_path / "work") == ["failed"]
    with pytest.raises(DataNotFoundError):
        slurm.result(tmp_path / "work")


@pytest.mark.slow
def test_a_job_of_which_nothing_is_left_leaves_the_work_to_be_begun_again(
    slurm: SlurmEngine, find_work: Making, endless: Recipe, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    slurm.submit(folder, find_work(endless))
    until(lambda: bool(events(folder, "progress")))
    os.kill(_job_of(folder), signal.SIGKILL)
    assert until_over(slurm, folder) == ["stopped"]
    assert events(folder, "ended") == []


def test_options_become_those_of_sbatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "canary")
    engine = from_options(
        {
            "cluster": "local",
            "partition": "gpu",
            "gpus": "2",
            "cpus": "3",
            "mem": "32",
            "slots": "4",
        }
    )
    assert engine.slots == 4
    parameters = engine._parameters
    assert parameters["slurm_partition"] == "gpu"
    assert parameters["gpus_per_node"] == 2
    assert parameters["cpus_per_task"] == 3
    assert parameters["mem_gb"] == 32
    exported = parameters["slurm_additional_parameters"]["export"].split(",")
    assert "PATH" in exported
    assert "HF_TOKEN" not in exported
    for options, problem in (
        ({"queue": "gpu"}, "no option 'queue'"),
        ({"time": "1h"}, "cannot be '1h'"),
        ({"gpus": "1", "processes": "2"}, "needs as many GPUs, and has 1"),
        ({"cluster": "moon"}, "no cluster 'moon'"),
    ):
        with pytest.raises(EngineError, match=problem):
            make_engine("slurm", options)


def test_without_slurm_this_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineError, match="There is no Slurm here"):
        make_engine("slurm", {"partition": "gpu"})
