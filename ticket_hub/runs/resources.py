"""What a run needs beside its recipe, as one value."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypedDict

import torch

from ticket_hub.data import DataSet, load
from ticket_hub.environment import choose_devices
from ticket_hub.errors import StoppedError
from ticket_hub.recipe import DataSpec, TrainingSpec
from ticket_hub.registry import there_are
from ticket_hub.runs.live_progress import told_both
from ticket_hub.runs.progress_bar import ProgressBar
from ticket_hub.training import Member, Progress, Trained, Trainer
from ticket_hub.training.member import Keeper
from ticket_hub.types import Architecture

__all__ = ["ResourceOptions", "Resources", "check_keywords"]


class ResourceOptions(TypedDict, total=False):
    """The fields of `Resources`, as keywords of the library's front doors."""

    data_dir: Path | str | None
    device: str | None
    workers: int | None
    observe: Callable[[Progress], None] | None
    progress: bool
    notify: Callable[[str], None] | None
    should_stop: Callable[[], bool] | None
    accept_environment: bool
    checkpoint_seconds: float


def check_keywords(call: Callable[..., object], given: Iterable[str], *values: type) -> None:
    """Refuse keywords of a front door that hands them on: by its own name, not by a value's.

    Args:
        call: the front door.
        given: what it was called with beside its own parameters.
        values: dataclasses that take these keywords, such as `Resources`.

    Raises:
        TypeError: one of them is nobody's; the nearest that there is, and all, are said.
    """
    parameters = inspect.signature(call).parameters.values()
    known = [each.name for each in parameters if each.kind is not each.VAR_KEYWORD]
    known += [each.name for value in values for each in fields(value)]
    for name in given:
        if name not in known:
            raise TypeError(f"{call.__name__}() has no keyword {name!r}. {there_are(name, known)}")


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What training may use and whom it tells; no result depends on it but by the device.

    Attributes:
        data_dir: where the data sets lie; by default `TICKET_DATA` or the user's cache.
        device: `cpu`, `cuda`, `cuda:1`; by default CUDA where there is a device. Of several,
            `cuda:0,cuda:1` or `cuda:all`, each trains other members.
        workers: training processes on a CPU; None chooses.
        observe: told how far each trial is, after each evaluation.
        progress: show that as a bar, on stderr or in a notebook.
        notify: told in one sentence when something unusual was found, such as a damaged
            checkpoint that was skipped.
        should_stop: asked several times a second; once true, a checkpoint is kept and
            `StoppedError` raised. See `ticket_hub.runs.stop_on_signals`.
        accept_environment: go on although the run was begun in another environment; it is then
            marked as not bit-exact for good.
        checkpoint_seconds: between two checkpoints; the most that a crash can cost.
    """

    data_dir: Path | str | None = None
    device: str | None = None
    workers: int | None = None
    observe: Callable[[Progress], None] | None = None
    progress: bool = False
    notify: Callable[[str], None] | None = None
    should_stop: Callable[[], bool] | None = None
    accept_environment: bool = False
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        """Let a bar observe, too, where one is asked for."""
        if self.progress:
            object.__setattr__(self, "observe", told_both(ProgressBar(), self.observe))
            object.__setattr__(self, "progress", False)  # it observes by now

    def load(self, data: DataSpec) -> DataSet:
        """A data set on the device; the device is chosen first, since that may be refused.

        Raises:
            TrainingError: there is no such device.
            DataError: the data cannot be had.
        """
        device = self.devices[0]
        return load(data, self.data_dir, notify=self.notify).to(device)

    @property
    def devices(self) -> tuple[torch.device, ...]:
        """The devices that are named.

        Raises:
            TrainingError: there is no such device.
        """
        return choose_devices(self.device)

    def trainer(self, data: DataSet) -> Trainer:
        """What trains on a data set that `load` gave, with these workers and devices."""
        devices = self.devices if data.device.type == "cuda" else ()
        return Trainer(data, workers=self.workers, devices=devices)

    def refuse_if_stopped(self, before: str) -> None:
        """Begin nothing where somebody asked to stop already.

        Raises:
            StoppedError: it says before what.
        """
        if self.should_stop is not None and self.should_stop():
            raise StoppedError(f"Stopped before {before}.", "The same command goes on from there.")

    def train(
        self,
        trainer: Trainer,
        architecture: Architecture,
        training: TrainingSpec,
        members: Sequence[Member],
        keeper: Keeper,
        *,
        snapshots: Sequence[int] = (),
    ) -> list[Trained]:
        """Train a population that keeps checkpoints, tells how far it is, and can be stopped.

        Raises:
            StoppedError: `should_stop` became true.
            TrainingError: as `Trainer.train`.
        """
        return trainer.train(
            architecture,
            training,
            members,
            snapshots=snapshots,
            keeper=keeper,
            checkpoint_seconds=self.checkpoint_seconds,
            observe=self.observe,
            notify=self.notify,
            should_stop=self.should_stop,
        )
