"""What a log is told, and what is said where a reporter fails."""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ticket_hub.errors import PluginError, RecipeError, StoppedError, StorageError
from ticket_hub.runs import Log, register_reporter
from ticket_hub.runs.reporters import REPORTERS, Reporter
from ticket_hub.training import Progress

READING = Progress(
    member="trial-0", iteration=20, iterations=40, validation_accuracy=0.5, test_accuracy=math.nan
)


def test_a_log_goes_on_behind_half_a_line(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"event": "not')
    log = Log.of(["jsonl"], tmp_path, searched=0)
    log.observe(READING)
    log.tell("level", index=0)
    log.observe(READING)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()[1:]
    first, level, second = (json.loads(line) for line in lines)
    assert (first["level"], second["level"], level) == (0, 1, {"event": "level", "index": 0})
    assert (first["validation_accuracy"], first["test_accuracy"]) == (0.5, None)


def test_a_reporter_that_fails_is_named(tmp_path: Path) -> None:
    @register_reporter("tests-failing")
    def failing() -> Reporter:
        return lambda event: event["nothing"]

    with pytest.raises(PluginError, match=r"'tests-failing' failed: KeyError: 'nothing'.*--log"):
        Log.of(["tests-failing"], tmp_path).notify("strange")
    with pytest.raises(RecipeError, match=r"--log cannot be 'jsonlines'.*the nearest is 'jsonl'"):
        Log.of(["jsonlines"], tmp_path)
    with pytest.raises(PluginError, match="asks for place"):
        register_reporter("tests-asking")(lambda place: place.tell)
    REPORTERS._known.pop("tests-failing")


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"log\.jsonl could not be written"):
        Log.of(["jsonl"], tmp_path).notify("strange")


def test_names_of_reporters_are_known_without_pytorch() -> None:
    code = (
        "import sys; from ticket_hub.runs.reporters import REPORTERS; "
        "sys.exit('torch' in sys.modules or REPORTERS.known()[:2] != ['jsonl', 'csv'])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


EVENTS = [
    {"event": "progress", "level": 1, "member": "trial-0", "iteration": 20, "iterations": 40,
     "validation_accuracy": 0.5, "test_accuracy": None},
    {"event": "level", "index": 1, "density": 0.8, "test_accuracy": 0.9, "early_stop": 20.0,
     "resumed": False},
    {"event": "result", "level": 1, "control": "reinit", "trial": 2, "accuracy": 0.75,
     "early_stop": 30.0, "resumed": False},
    {"event": "notice", "text": "strange"},
    {"event": "verdict", "level": 1, "verdict": "winning", "reason": "It beats both."},
]  # fmt: skip
NUMBERS = [
    ("level-1/trial-0/validation_accuracy", 20, 0.5),
    ("levels/density", 1, 0.8),
    ("levels/test_accuracy", 1, 0.9),
    ("levels/early_stop", 1, 20.0),
    ("reinit/level-1/accuracy", 2, 0.75),
    ("reinit/level-1/early_stop", 2, 30.0),
]


def told(name: str, folder: Path) -> None:
    """Tell a reporter one event of each kind, in two sittings: one is stopped, one finished."""
    from PIL import Image

    figure = folder / "ladder.png"
    Image.new("RGBA", (2, 2)).save(figure)
    log = Log.of([name], folder)
    for event in EVENTS[:2]:
        log.tell(**event)  # type: ignore[arg-type]
    log.abandon(StoppedError("stopped", "go on"))
    log = Log.of([name], folder)
    for event in EVENTS[2:]:
        log.tell(**event)  # type: ignore[arg-type]
    log.finish([figure])


def test_a_table_has_every_number_once_under_one_heading(tmp_path: Path) -> None:
    told("csv", tmp_path)
    first, *rows = (tmp_path / "log.csv").read_text("utf-8").splitlines()
    assert first == "name,step,value"
    assert rows == [f"{name},{step},{value}" for name, step, value in NUMBERS]


def test_tensorboard_reads_curves_ladder_and_verdict(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told("tensorboard", tmp_path)
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    scalars = [
        (tag, each.step, round(each.value, 6))
        for tag in found.Tags()["scalars"]
        for each in found.Scalars(tag)
    ]
    assert sorted(scalars) == sorted(NUMBERS)
    (verdict,) = found.Tags()["tensors"]
    (text,) = found.Tensors(verdict)[0].tensor_proto.string_val
    assert text == b"winning. It beats both."
    assert found.Tags()["images"] == ["figures/ladder"]


def test_mlflow_keeps_a_run_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("mlflow", reason="needs mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    told("mlflow", tmp_path)
    client = library.MlflowClient((tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("ticket-hub")
    runs = client.search_runs([experiment.experiment_id])
    metrics = {name: value for run in runs for name, value in run.data.metrics.items()}
    assert metrics == {name: value for name, _, value in NUMBERS}
    assert any(run.data.tags.get("verdict/level-1", "").startswith("winning") for run in runs)
    assert {run.info.status for run in runs} == {"KILLED", "FINISHED"}
    figures = [each for run in runs for each in client.list_artifacts(run.info.run_id, "figures")]
    assert [each.path for each in figures] == ["figures/ladder.png"]


def test_weights_and_biases_keeps_runs_in_the_folder_when_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="needs wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    told("wandb", tmp_path)
    runs = list((tmp_path / "wandb").glob("offline-run-*"))
    assert len(runs) == 2
    assert all(list(run.glob("run-*.wandb")) for run in runs)
    (figure,) = (tmp_path / "wandb").glob("offline-run-*/files/media/images/figures/*.png")
    assert figure.name.startswith("ladder_")


def test_trackio_has_numbers_and_figures_on_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Path(pytest.importorskip("trackio.utils", reason="needs trackio").TRACKIO_DIR)
    told("trackio", tmp_path)
    with contextlib.closing(sqlite3.connect(home / "ticket-hub.db")) as database:
        rows = [json.loads(row[0]) for row in database.execute("SELECT metrics FROM metrics")]
    merged = {key: value for each in rows for key, value in each.items()}
    assert {key: merged[key] for key, _, _ in NUMBERS} == {key: v for key, _, v in NUMBERS}
    assert list((home / "media").rglob("*.png"))
    assert capsys.readouterr().out == ""  # which is for results


@pytest.mark.parametrize("name", ["tensorboard", "csv", "jsonl"])
def test_a_tracker_makes_nothing_before_the_folder_of_the_run_is_there(
    name: str, tmp_path: Path
) -> None:
    log = Log.of([name], tmp_path / "run")
    log.tell(**EVENTS[0])  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    log.tell(**EVENTS[1])  # type: ignore[arg-type]
    assert list((tmp_path / "run").iterdir())


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb", "trackio"])
def test_a_tracker_that_is_not_installed_is_refused_with_what_to_install(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (name, "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PluginError, match=f"needs the package {name}") as refused:
        Log.of([name], tmp_path)
    assert f"pip install {name}" in refused.value.remedy


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_trackers_whose_steps_may_only_rise_get_them_as_numbers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[dict[str, object]] = []
    run = SimpleNamespace(log=logged.append)
    library = SimpleNamespace(init=lambda **_: run, Image=str, finish=lambda: None)
    monkeypatch.setitem(sys.modules, name, library)
    told(name, tmp_path)
    merged = {key: value for each in logged for key, value in each.items()}
    assert {key: merged[key] for key, _, _ in NUMBERS} == {key: v for key, _, v in NUMBERS}
    assert merged["level-1/trial-0/step"] == 20
    assert merged["verdict/level-1"] == "winning. It beats both."
