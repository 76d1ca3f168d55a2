"""Reporters that draw curves elsewhere: a table, TensorBoard, MLflow, Weights & Biases, Trackio.

All are told the same numbers under the same names, `level-3/trial-0/test_accuracy` of a curve,
`levels/density` of a ladder, `reinit/level-3/accuracy` of a retraining; a verdict is a text, and a
figure an image.
"""

from __future__ import annotations

import contextlib
import csv
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ticket_hub.errors import PluginError
from ticket_hub.runs.reporters import Reporter, register_reporter

__all__ = ["Reading", "readings"]

PROJECT = "ticket-hub"
COLUMNS = ("name", "step", "value")
_UNNAMED = re.compile(r"[^A-Za-z0-9_./-]+")


class Reading(NamedTuple):
    """A number of a run.

    Attributes:
        name: what it is, in parts.
        step: the iteration of a curve, the level of a ladder, the trial of a result.
    """

    name: str
    step: int
    value: float


def readings(event: Mapping[str, Any]) -> Iterator[Reading]:
    """The numbers that an event tells; those that were not read yet are left out."""
    kind, level = event["event"], event.get("level")
    if kind == "progress":
        above = "" if level is None else f"level-{level}/"
        base, step = f"{above}{event['member']}", event["iteration"]
        names: tuple[str, ...] = ("validation_accuracy", "test_accuracy")
    elif kind == "level":
        base, step = "levels", event["index"]
        names = ("density", "test_accuracy", "early_stop")
    elif kind == "result":
        base, step = f"{event['control']}/level-{level}", event["trial"]
        names = ("accuracy", "early_stop")
    else:
        return
    work = f"{event['work']}/" if event.get("work") else ""
    for name in names:
        if event.get(name) is not None:
            yield Reading(_UNNAMED.sub("-", f"{work}{base}/{name}"), int(step), float(event[name]))


def _texts(event: Mapping[str, Any]) -> dict[str, str]:
    """What an event says in words: a verdict with its reason."""
    if event["event"] != "verdict":
        return {}
    said = f"{event['verdict'] or 'none'}. {event['reason']}"
    return {f"verdict/level-{event['level']}": said}


def _figures(event: Mapping[str, Any]) -> dict[str, str]:
    """The file of a figure, by its name."""
    return {f"figures/{event['name']}": event["path"]} if event["event"] == "figure" else {}


@register_reporter("csv")
def csv_file(folder: Path) -> Reporter:
    """Every number as a row of `log.csv` in the folder of the run: name, step, value."""
    path = folder / "log.csv"

    def report(event: Mapping[str, Any]) -> None:
        """Append the readings of an event."""
        rows = list(readings(event))
        if not rows:
            return
        with path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            if not stream.tell():
                writer.writerow(COLUMNS)
            writer.writerows(rows)

    return report


@register_reporter("tensorboard", figures=True)
def tensorboard(folder: Path) -> Reporter:
    """Curves, ladder, verdicts and figures in `tensorboard/` in the folder of the run."""
    library = _library("torch.utils.tensorboard", "tensorboard")

    def begin() -> Reporter:
        """Open the folder of the log."""
        writer = library.SummaryWriter(str(folder / "tensorboard"))

        def report(event: Mapping[str, Any]) -> None:
            """Write an event's readings, texts and figures; flush, since we may be killed."""
            for name, step, value in readings(event):
                writer.add_scalar(name, value, step)
            for name, text in _texts(event).items():
                writer.add_text(name, text, 0)
            for name, path in _figures(event).items():
                from matplotlib.image import imread  # slow to import

                writer.add_image(name, imread(path), dataformats="HWC")
            writer.flush()

        return report

    return _late(begin)


@register_reporter("mlflow", figures=True)
def mlflow(folder: Path) -> Reporter:
    """A run of the experiment `ticket-hub`, at MLFLOW_TRACKING_URI or in the folder of the run."""
    library = _library("mlflow", "mlflow")

    def begin() -> Reporter:
        """Make a run of the tracker, which is named as the folder."""
        address = os.environ.get("MLFLOW_TRACKING_URI")
        if not address:
            os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
        client = library.MlflowClient(address or (folder / "mlruns").resolve().as_uri())
        found = client.get_experiment_by_name(PROJECT)
        experiment = found.experiment_id if found else client.create_experiment(PROJECT)
        run = client.create_run(experiment, run_name=folder.name).info.run_id

        def report(event: Mapping[str, Any]) -> None:
            """Log an event's readings, texts and figures; the last event ends the run."""
            for name, step, value in readings(event):
                client.log_metric(run, name, value, step=step)
            for name, text in _texts(event).items():
                client.set_tag(run, name, text)
            for path in _figures(event).values():
                client.log_artifact(run, path, "figures")
            if event["event"] == "ended":
                client.set_terminated(run, MLFLOW_STATES[event["state"]])

        return report

    return _late(begin)


MLFLOW_STATES = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


@register_reporter("wandb", figures=True)
def wandb(folder: Path) -> Reporter:
    """A run of the project `ticket-hub` of Weights & Biases; WANDB_MODE=offline keeps it here."""
    library = _library("wandb", "wandb")
    return _late(
        lambda: _steps_as_numbers(
            library, library.init(project=PROJECT, name=folder.name, dir=str(folder))
        )
    )


@register_reporter("trackio", figures=True)
def trackio(folder: Path) -> Reporter:
    """A run of the project `ticket-hub` of Trackio, on this machine."""
    library = _library("trackio", "trackio")
    return _late(
        lambda: _steps_as_numbers(library, library.init(project=PROJECT, name=folder.name))
    )


def _late(begin: Callable[[], Reporter]) -> Reporter:
    """A tracker whose run begins with the first event.

    Before that there is no folder, which trackers would make and a search then refuse; and a
    command that is refused leaves no empty run behind. Trackers greet people on stdout, which is
    for results.
    """
    made: list[Reporter] = []

    def report(event: Mapping[str, Any]) -> None:
        """Begin with the first event, and tell people on stderr."""
        with contextlib.redirect_stdout(sys.stderr):
            if not made:
                made.append(begin())
            made[0](event)

    return report


def _steps_as_numbers(library: Any, run: Any) -> Reporter:  # noqa: ANN401 - of modules without types
    """For trackers whose steps may only rise: each curve brings its own step as a number beside."""

    def report(event: Mapping[str, Any]) -> None:
        """Log an event's readings, each with its step beside it."""
        told: dict[str, Any] = dict(_texts(event))
        for name, step, value in readings(event):
            told |= {name: value, f"{name.rpartition('/')[0]}/step": step}
        told |= {name: library.Image(path) for name, path in _figures(event).items()}
        if told:
            run.log(told)
        if event["event"] == "ended":
            library.finish()

    return report


def _library(module: str, package: str) -> Any:  # noqa: ANN401 - a module without types
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise PluginError(
            f"`--log {package}` needs the package {package}, which is not installed.",
            f"Install it with `pip install {package}`, or log to `jsonl` or `csv`.",
        ) from error
