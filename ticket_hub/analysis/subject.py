"""What an analysis is of: the tickets of one level, and what training them again needs."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ticket_hub.analysis.registry import ORDERS
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.data import DataSet, adapted
from ticket_hub.environment import fingerprint
from ticket_hub.errors import DataError, MemoryLimitError, RecipeError
from ticket_hub.networks import outline
from ticket_hub.pruning import full_mask
from ticket_hub.recipe import Recipe, TrainingSpec
from ticket_hub.recipe.tables import to_table
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.resources import Resources
from ticket_hub.seeds import derive_seed
from ticket_hub.training import Member, Trained, Trainer
from ticket_hub.training.checkpoint import FolderKeeper
from ticket_hub.transfer.source import Source
from ticket_hub.types import Architecture, PrunableLayer

__all__ = ["Gym", "Other", "Subject", "to_the_end"]


@dataclass(frozen=True)
class Other:
    """Another ticket, to compare masks with."""

    title: str
    source: Source
    level: int


class Gym:
    """Data, device and training engine of all analyses of one call, made when first needed.

    Args:
        recipe: of the tickets, with the user's changes to its training.
        architecture: of the tickets.
        data_fingerprint: of the data that the tickets were found on.
        folder: where checkpoints and the environment are kept.
        resources: what training may use.
        stack: closed at the end; the worker processes end with it.

    Attributes:
        dense: trained dense networks that several levels ask for, by their settings.
    """

    def __init__(
        self,
        *,
        recipe: Recipe | None,
        architecture: Architecture,
        data_fingerprint: str | None,
        folder: Path,
        resources: Resources,
        stack: contextlib.ExitStack,
    ) -> None:
        self._recipe, self.architecture = recipe, architecture
        self.data_fingerprint = data_fingerprint
        self.folder, self.resources, self._stack = folder, resources, stack
        self.dense: dict[str, list[Trained]] = {}

    @cached_property
    def data(self) -> DataSet:
        """What the tickets were found on, on the device.

        Raises:
            RecipeError: nobody knows how the tickets were found.
            DataError: the data set is not the one that the tickets were found on, where the
                bundle says which that was.
        """
        found = self.resources.load(self.recipe.data)
        if self.data_fingerprint not in {None, found.fingerprint}:
            raise DataError(
                f"{self.recipe.data.name} here is not the data that the tickets were found on.",
                "Restore the data set; `ticket retrain` trains tickets on other data.",
            )
        channels, height, width = self.architecture.input_shape
        return adapted(found, channels=channels, height=height, width=width)

    @property
    def recipe(self) -> Recipe:
        """How the tickets were found, with the user's changes to the training.

        Raises:
            RecipeError: nobody knows.
        """
        if self._recipe is None:
            raise RecipeError(
                "How this ticket was found is not known, so it cannot be trained as its search "
                "did.",
                "Import it with a recipe (`ticket import ... --recipe NAME`), or leave out the "
                "analyses that train.",
            )
        return self._recipe

    @cached_property
    def trainer(self) -> Trainer:
        """The training engine, with its processes."""
        return self._stack.enter_context(self.resources.trainer(self.data))

    @cached_property
    def environment(self) -> dict[str, str]:
        """The fingerprint of this process, on the device that trains."""
        device = self.resources.devices[0]
        return fingerprint(device, self.recipe.training.backend)

    def train(self, name: str, training: TrainingSpec, members: Sequence[Member]) -> list[Trained]:
        """Train a population; killed at any moment and called again, it goes on where it was.

        What does not fit into the memory at once is trained in parts; no result depends on it.

        Args:
            name: of its checkpoints, unique in the folder.

        Raises:
            StoppedError: somebody asked to stop.
            EnvironmentMismatchError: the folder was begun in another environment.
            TrainingError: as `Trainer.train`.
        """
        self.resources.refuse_if_stopped("training")
        self.data  # noqa: B018 - refused before anything is written
        RunFolder(self.folder).admit(self.environment, accept=self.resources.accept_environment)
        try:
            keeper = FolderKeeper(
                folder=self.folder / "checkpoints" / name, environment=self.environment
            )
            return self.resources.train(self.trainer, self.architecture, training, members, keeper)
        except MemoryLimitError:
            if len(members) == 1:
                raise
        middle = len(members) // 2
        first = self.train(name, training, members[:middle])
        return first + self.train(name, training, members[middle:])

    def forget(self, name: str) -> None:
        """Drop the checkpoints of a population whose result is on disk."""
        FolderKeeper(folder=self.folder / "checkpoints" / name).clear()


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The tickets of one level.

    Attributes:
        analysis: what is asked of them.
        source: their bundle.
        level: which; 0 is dense: theta0 with a mask that keeps everything.
        trials: the bundle's trials, by their numbers there.
        seed: of all that an analysis draws.
        gym: trains.
        settings: of the analysis.
        others: tickets whose masks are compared with these.
        orders: in how many data orders each start is trained, where the analysis asks.
    """

    analysis: str
    source: Source
    level: int
    trials: tuple[int, ...]
    seed: int
    gym: Gym
    settings: Any = None
    others: tuple[Other, ...] = ()
    orders: int = ORDERS

    @property
    def recipe(self) -> Recipe:
        """How the tickets train."""
        return self.gym.recipe

    @property
    def architecture(self) -> Architecture:
        """The network."""
        return self.source.bundle.architecture

    @property
    def layers(self) -> tuple[PrunableLayer, ...]:
        """What may be pruned."""
        return outline(self.architecture).layers

    @cached_property
    def tickets(self) -> tuple[TicketContent, ...]:
        """By trial, checked.

        Raises:
            TicketNotFoundError, BundleError, NetworkError: as `Bundle.ticket`.
        """
        if self.level:
            places = map(self.source.trials.index, self.trials)
            return tuple(self.source.ticket(self.level, place) for place in places)
        mask = full_mask(self.layers)
        starts = {each.index: each.start for each in self.source.bundle.manifest.trials}
        return tuple(
            TicketContent(
                architecture=self.architecture,
                mask=mask,
                theta0=self.source.bundle.theta0(trial),
                trial=trial,
                start=starts[trial],
                dense=self.source.bundle.manifest.has_dense,
            )
            for trial in self.trials
        )

    @property
    def density(self) -> float:
        """Mean over the trials of kept weights over prunable weights."""
        return sum(ticket.density for ticket in self.tickets) / len(self.tickets)

    def trial_seed(self, trial: int) -> int:
        """The seed that the search gave to a trial; the trial's number where nobody knows."""
        trials = self.source.bundle.manifest.trials
        seed = next(each.seed for each in trials if each.index == trial)
        return trial if seed is None else seed

    def seed_for(self, *stream: str | int) -> int:
        """A seed for one purpose of this analysis."""
        return derive_seed(self.seed, "analyze", self.analysis, *stream)

    @property
    def checkpoints(self) -> str:
        """The name of what is in training for this analysis."""
        return f"{self.analysis}-{self.level:03d}"

    def train(self, training: TrainingSpec, members: Sequence[Member]) -> list[Trained]:
        """Train networks for this analysis; see `Gym.train`."""
        return self.gym.train(self.checkpoints, training, members)

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that decides the result, as plain values."""
        return {
            "bundle": self.source.id,
            "level": self.level,
            "trials": list(self.trials),
            "seed": self.seed,
            "settings": {} if self.settings is None else to_table(self.settings),
            "others": [[other.source.id, other.level] for other in self.others],
        } | ({} if self.orders == ORDERS else {"orders": self.orders})


def to_the_end(training: TrainingSpec) -> TrainingSpec:
    """The same training read once, at its end, where only the last weights are asked for.

    Readings do not change the weights, unless `patience` lets them end the training.
    """
    if training.patience:
        return training
    return dataclasses.replace(
        training, evaluate_every=training.iterations, test="chosen", train_sample=0
    )
