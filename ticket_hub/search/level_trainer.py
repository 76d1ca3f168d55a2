"""What training needs, made when it is first needed: a finished run is read without any of it."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from ticket_hub.bundle.manifest_records import DataRecord, Reference
from ticket_hub.data import DataSet
from ticket_hub.environment import fingerprint
from ticket_hub.networks import architecture_for, blank_module, outline
from ticket_hub.networks.own_function import check_same, tensors_of
from ticket_hub.networks.registry import home_module
from ticket_hub.plugin_origin import plugin_of
from ticket_hub.pruning.structure import Structure
from ticket_hub.recipe import PartialRecipe, PruningSpec, Recipe, SearchSpec
from ticket_hub.runs.folder import Header
from ticket_hub.runs.resources import Resources
from ticket_hub.search.pretrained import StartWeights, Theta0Choice
from ticket_hub.search.shared_levels import SharedLevels
from ticket_hub.structured.dependencies import structure_for
from ticket_hub.training import Member, Trained, Trainer, ranks
from ticket_hub.training.member import Keeper
from ticket_hub.training.schedules import fine_tuning
from ticket_hub.training.slopes import measure
from ticket_hub.types import Architecture, Mask, PrunableLayer, Weights

__all__ = ["LevelTrainer", "RecipeSupplier", "Supplier"]


class Supplier(ABC):
    """What a session knows of its search beside the trained networks.

    Attributes:
        recipe: what is searched for.
        resources: what may be used, and who is told.
    """

    recipe: Recipe | PartialRecipe
    resources: Resources

    @property
    def pruning(self) -> PruningSpec:
        """What is pruned after each level; every search knows it."""
        assert self.recipe.pruning is not None
        return self.recipe.pruning

    @property
    def search(self) -> SearchSpec:
        """How far the search goes; every search knows it."""
        assert self.recipe.search is not None
        return self.recipe.search

    def layers(self, architecture: Architecture) -> tuple[PrunableLayer, ...]:
        """What may be pruned of a network of the registry."""
        return outline(architecture).layers

    def unmarked(self, architecture: Architecture) -> Mapping[str, int]:
        """Matrices of a network of the registry that no mask reaches: name -> how many numbers."""
        return outline(architecture).unmarked

    def structure(self, architecture: Architecture) -> Structure | None:
        """The units of the network, where the granularity asks for them."""
        return structure_for(self.pruning, architecture)

    @abstractmethod
    def measured(
        self, architecture: Architecture, seed: int, weights: Weights, need: str, mask: Mask
    ) -> Weights:
        """What a criterion needs beside weights, such as gradients, at one trial's under a mask."""

    def check_network(self, header: Header) -> None:
        """Refuse a plugin that builds another network than when a run was begun.

        Raises:
            NetworkError: a name, dtype or shape of its tensors differs.
        """
        if header.tensors and header.own is None:
            check_same(header.tensors, tensors_of(blank_module(header.architecture)))

    @property
    @abstractmethod
    def environments(self) -> Sequence[dict[str, str]]:
        """The fingerprints of all processes that train; the first one is the run's."""

    @property
    @abstractmethod
    def is_exact(self) -> bool:
        """Whether none of them went on in another environment."""

    @property
    @abstractmethod
    def data_fingerprint(self) -> str | None:
        """The sha256 over the data; None where nobody has computed it."""

    @abstractmethod
    def header(self) -> Header:
        """What a new run is about."""

    @abstractmethod
    def initial(self, architecture: Architecture, seed: int) -> Weights:
        """The weights of one trial at iteration 0."""

    def reference(self, architecture: Architecture) -> Reference | None:
        """The pretrained weights that `initial` is of, where the bundle is to refer to them."""
        del architecture
        return None


class RecipeSupplier(Supplier):
    """One whose recipe says everything, data and training too; it gives trained networks itself."""

    recipe: Recipe

    @cached_property
    def data(self) -> DataSet:
        """The data set on the device."""
        return self.resources.load(self.recipe.data)

    @cached_property
    def start(self) -> StartWeights:
        """The weights that trials begin with."""
        return StartWeights(self.recipe.network)

    def measured(
        self, architecture: Architecture, seed: int, weights: Weights, need: str, mask: Mask
    ) -> Weights:
        """What a criterion needs beside weights; see `training.slopes`."""
        spec, training = self.recipe.pruning, self.recipe.training
        at = (weights, mask)
        return measure(need, architecture, lambda: self.data, training, at, seed=seed, spec=spec)

    @abstractmethod
    def train(
        self,
        architecture: Architecture,
        members: Sequence[Member],
        snapshots: Sequence[int],
        keeper: Keeper,
    ) -> list[Trained]:
        """The members of a level, trained."""


class LevelTrainer(RecipeSupplier):
    """Data, device, network and worker processes of one recipe.

    Args:
        stack: closed when the search ends; the worker processes end with it.
        theta0: how its bundle keeps theta0; see `search`.
        shared_with: runs whose equal levels are taken over.
    """

    def __init__(
        self,
        recipe: Recipe,
        resources: Resources,
        stack: contextlib.ExitStack,
        theta0: Theta0Choice = "auto",
        shared_with: Sequence[Path] = (),
    ) -> None:
        self.recipe, self.resources, self._stack = recipe, resources, stack
        self._theta0: Theta0Choice = theta0
        self._shared_with = () if ranks.current() else tuple(shared_with)

    @cached_property
    def environments(self) -> Sequence[dict[str, str]]:
        """The fingerprint of this process."""
        training, trials = self.recipe.training, self.recipe.search.trials
        return [fingerprint(self.data.device, training.backend, members=trials)]

    @property
    def is_exact(self) -> bool:
        """One process, in one environment."""
        return True

    @property
    def data_fingerprint(self) -> str:
        """The sha256 over the data."""
        return self.data.fingerprint

    @cached_property
    def trainer(self) -> Trainer:
        """The training engine, with its processes."""
        trainer = self.resources.trainer(self.data)
        return self._stack.enter_context(trainer)

    def header(self) -> Header:
        """What a run of this recipe is about, from the data themselves."""
        data, network = self.data, self.recipe.network
        architecture = architecture_for(network, data.input_shape, data.classes)
        is_plugin = plugin_of(home_module(network.name)) is not None
        return Header(
            recipe=self.recipe,
            architecture=architecture,
            tensors=tensors_of(blank_module(architecture)) if is_plugin else {},
            data=DataRecord(
                name=self.recipe.data.name,
                fingerprint=data.fingerprint,
                mean=tuple(data.mean.tolist()),
                std=tuple(data.std.tolist()),
            ),
        )

    def initial(self, architecture: Architecture, seed: int) -> Weights:
        """The weights of one trial at iteration 0."""
        return self.start.weights(architecture, seed)

    def reference(self, architecture: Architecture) -> Reference | None:
        """As the choice of theta0 has it."""
        return self.start.reference(architecture, self._theta0)

    def train(
        self,
        architecture: Architecture,
        members: Sequence[Member],
        snapshots: Sequence[int],
        keeper: Keeper,
    ) -> list[Trained]:
        """Train the members of a level, which are of one, but for what other runs have of them.

        See `Trainer.train`.
        """
        training = self.recipe.training
        if members[0].level and self.recipe.search.rewind == "none":
            training = fine_tuning(training)
        known = self._shared(members, snapshots)
        rest = [member for member in members if member.name not in known]
        if rest:
            made = self.resources.train(
                self.trainer, architecture, training, rest, keeper, snapshots=snapshots
            )
            known |= {member.name: one for member, one in zip(rest, made, strict=True)}
        return [known[member.name] for member in members]

    @cached_property
    def _shared_levels(self) -> SharedLevels:
        return SharedLevels(self.header(), self.environments[0], self._shared_with)

    def _shared(self, members: Sequence[Member], snapshots: Sequence[int]) -> dict[str, Trained]:
        """What other runs have trained already, by the names of members."""
        known: dict[str, Trained] = {}
        if not self._shared_with:
            return known
        for run, found in self._shared_levels.trained(members, snapshots):
            known |= found
            if self.resources.notify is not None:
                level = next(member.level for member in members if member.name in found)
                self.resources.notify(f"Level {level} is that of {run.name}, to the bit.")
        return known
