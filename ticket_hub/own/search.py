"""A search whose networks the author's own loop trains: steps as values to walk through."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ticket_hub import home
from ticket_hub.bundle.manifest import DataRecord
from ticket_hub.content_id import content_digest
from ticket_hub.durable import canonical_json, sweep, write_json
from ticket_hub.errors import PruningError, RunError, RunMismatchError
from ticket_hub.own.environment import environment_of, script_file
from ticket_hub.own.network import Make, OwnNetwork, file_digest
from ticket_hub.own.ranks import together
from ticket_hub.own.seeding import seed_generators
from ticket_hub.own.step import Finished, Step, StepFacts
from ticket_hub.pruning import density
from ticket_hub.pruning.criteria import CRITERIA
from ticket_hub.recipe import NetworkSpec, PartialRecipe, PruningSpec, SearchSpec
from ticket_hub.recipe.own import ACCURACY, Metric, OwnLoop
from ticket_hub.registry import needs
from ticket_hub.runs.folder import Header, RunFolder
from ticket_hub.runs.level_files import flatten, trained_of
from ticket_hub.runs.lock import hold
from ticket_hub.runs.resources import Resources
from ticket_hub.runs.seal import FORMAT, read_json
from ticket_hub.runs.sealed import sealed_tensors, write_tensors
from ticket_hub.search.imp import refuse_strange
from ticket_hub.search.level_trainer import Supplier
from ticket_hub.search.session import Session
from ticket_hub.seeds import derive_seed
from ticket_hub.training import Member, Trained
from ticket_hub.training.checkpoint import FolderKeeper
from ticket_hub.types import Architecture, PrunableLayer, Weights

__all__ = ["Search"]

BACKEND = "own"
_POINT = "point/"
Loss = Callable[[nn.Module, Any], Tensor]


class Search:
    """Iterative pruning around a training loop of your own.

        for step in Search(make_network, pruning=PruningSpec(), levels=10, folder="run"):
            train(step.module)
            step.finish(test=0.92)

    Walking through it gives one step for each trial at each level, dense first; what is finished
    is passed over. Killed at any moment, the same script goes on with the step that was under way.
    The folder has a bundle of all finished levels; `bundle` names it.

    Before each step `random`, numpy's global generator and torch's (CPU and every device) are
    seeded, by the trial's seed and the level. The function that builds networks is called with
    these generators seeded by the trial alone, and leaves them as they were.

    Args:
        make_network: builds the network anew at each call, without arguments: a class, a function.
        levels: pruning rounds after the dense level 0.
        trials: independent repetitions; trial t has the seed `seed + t`.
        pruning: what is pruned after each level.
        folder: of the run; by default `runs/NAME-DIGEST` under `TICKET_HOME`.
        seed: of trial 0.
        rewind: survivors go back to `init`; to the weights of an early step of level 0, `500it`,
            where the loop calls `step.rewind_point()`; or to `none`: training goes on from the
            pruned weights, with whatever schedule the loop gives (learning-rate rewinding).
        metric: what `step.finish` measures; accuracy unless you say otherwise.
        data: what the loop trains on, as a name for people.
        name: of the run.
        settings: what else decides the results, such as `{"lr": 0.1}`; a run goes on with the
            same ones only.
        commit: of your repository, for whoever repeats it.
        packages: whose versions count as part of the environment, such as `lightning`.
        loss, batches: for criteria that need gradients: `loss(module, batch)` gives a scalar, and
            `batches` is a list of batches, or anything that can be walked through again.
        stop_density: no level below this density.
        accept_environment: go on in another environment; the bundle is then not bit-exact.
        notify: told in one sentence when something unusual was found.

    Raises:
        NetworkError: the function gives no network that can be pruned.
        RecipeError, PruningError: a setting that cannot be.
    """

    def __init__(
        self,
        make_network: Make,
        *,
        levels: int,
        trials: int = 3,
        pruning: PruningSpec | None = None,
        folder: str | Path | None = None,
        seed: int = 0,
        rewind: str = "init",
        metric: Metric = ACCURACY,
        data: str = "own data",
        name: str = "own",
        settings: Mapping[str, bool | int | float | str] | None = None,
        commit: str = "",
        packages: Sequence[str] = (),
        loss: Loss | None = None,
        batches: Iterable[Any] | None = None,
        stop_density: float | None = None,
        accept_environment: bool = False,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self.network = OwnNetwork.of(make_network)
        self.metric = metric
        self.recipe = PartialRecipe(
            name=name,
            about="Trained by its author's own loop.",
            network=NetworkSpec(name=self.network.name),
            pruning=pruning or PruningSpec(),
            search=SearchSpec(
                levels=levels, trials=trials, seed=seed, rewind=rewind, stop_density=stop_density
            ),
        )
        script = script_file()
        loop = OwnLoop(
            metric=metric,
            data=data,
            network=self.network.file.name if self.network.file else "",
            network_sha256=file_digest(self.network.file),
            script=script.name if script else "",
            script_sha256=file_digest(script),
            commit=commit,
            settings=dict(settings or {}),
        )
        resources = Resources(notify=notify, accept_environment=accept_environment)
        slopes = Slopes(self.network, loss, batches)
        slopes.check(self.recipe)
        self._supplier = OwnSupplier(
            self.recipe, resources, self.network, loop, slopes, packages=packages
        )
        self.run = Path(folder) if folder else home.runs_folder() / self.recipe.run_name

    @property
    def bundle(self) -> Path:
        """The bundle of all levels that are finished."""
        return RunFolder(self.run).bundle

    def __iter__(self) -> Iterator[Step]:
        """The steps that are not finished yet.

        Raises:
            RunLockedError: another process works in the folder.
            RunMismatchError: the folder holds another search, or a setting has changed.
            NetworkError: the function builds another network than before.
            EnvironmentMismatchError: the run was begun in another environment.
            RunError: a file is damaged, or the folder holds something else.
            TrainingError: a step was not finished.
            StorageError: the disk is full, or the folder may not be written.
        """
        return together(self._steps, self.network, self.metric)

    def _steps(self) -> Iterator[Step]:
        folder = RunFolder(self.run)
        refuse_strange(folder)
        with hold(folder.lock):
            sweep(folder.path)
            self._supplier.demand_same(folder)
            session = Session(folder, self._supplier)
            for index in range(session.ladder.last + 1):
                level = session.finished(index)
                if level is None:
                    members = session.begin(index)
                    kept = StepFiles(folder.checkpoints(index))
                    for trial, member in enumerate(members):
                        if not kept.has(trial, member):
                            step = self._step(member, trial, kept)
                            yield step
                            step.end()
                    snapshots = [] if index else session.snapshots
                    trained = [kept.read(trial, snapshots) for trial in range(len(members))]
                    level = session.complete(index, members, trained)
                if level.ending is not None:
                    return

    def _step(self, member: Member, trial: int, kept: StepFiles) -> Step:
        search = self._supplier.search
        facts = StepFacts(
            control="ticket",
            level=member.level,
            trial=trial,
            seed=member.seed,
            density=density(member.mask),
            start=member.start,
            rewound=member.level > 0 and search.rewind != "none",
        )
        step = Step(
            module=self.network.build(member.weights, member.mask),
            mask=member.mask,
            facts=facts,
            metric=self.metric,
            rewind_step=search.rewind_step,
            draw_seed=derive_seed(member.seed, "own", "step", member.level),
            keep=lambda finished: kept.write(trial, member, finished),
        )
        seed_generators(step.draw_seed)
        return step


class OwnSupplier(Supplier):
    """Stands where our trainer stands in other searches; training itself is the author's."""

    recipe: PartialRecipe

    def __init__(
        self,
        recipe: PartialRecipe,
        resources: Resources,
        network: OwnNetwork,
        loop: OwnLoop,
        slopes: Slopes,
        *,
        packages: Sequence[str],
    ) -> None:
        self.recipe, self.resources = recipe, resources
        self.network, self.loop, self.slopes = network, loop, slopes
        self._packages, self._same_script = packages, True

    @property
    def environments(self) -> Sequence[dict[str, str]]:
        """What is known of this process: versions, and those of the packages that were named."""
        return [environment_of(self._packages)]

    @property
    def is_exact(self) -> bool:
        """Whether the script is the one that the run was begun with."""
        return self._same_script

    @property
    def data_fingerprint(self) -> None:
        """Nobody has computed it."""
        return

    def demand_same(self, folder: RunFolder) -> None:
        """Refuse to go on with another network, metric, data or settings than before.

        Raises:
            NetworkError: the function builds another network.
            RunMismatchError: a setting has changed, or the folder holds another search.
        """
        header = folder.read_header()
        if header is None:
            return
        before = header.own
        if before is None:
            raise RunMismatchError(
                f"{folder.path} holds a search that was trained by Ticket Hub itself.",
                "Name another folder.",
            )
        self.network.check(dict(header.tensors))
        pairs = {
            "metric": (before.metric, self.loop.metric),
            "data": (before.data, self.loop.data),
            **{
                f"settings[{key!r}]": (before.settings.get(key), self.loop.settings.get(key))
                for key in sorted({*before.settings, *self.loop.settings})
            },
        }
        for name, (old, new) in pairs.items():
            if old != new:
                raise RunMismatchError(
                    f"{folder.path} was begun with {name} = {old!r}, and now it is {new!r}.",
                    "Give what the run was begun with, or name another folder.",
                )
        digests = [(loop.script_sha256, loop.network_sha256) for loop in (before, self.loop)]
        self._same_script = digests[0] == digests[1]
        self.loop = before

    def layers(self, architecture: Architecture) -> tuple[PrunableLayer, ...]:
        """What may be pruned of the author's network."""
        del architecture
        return self.network.layers

    def header(self) -> Header:
        """What a new run is about."""
        return Header(
            recipe=self.recipe,
            architecture=self.network.architecture,
            data=DataRecord(name=self.loop.data, fingerprint=None, mean=None, std=None),
            own=self.loop,
            layers=self.network.layers,
            tensors=self.network.tensors,
        )

    def initial(self, architecture: Architecture, seed: int) -> Weights:
        """The weights of one trial at iteration 0."""
        del architecture
        return self.network.initial(seed)

    def gradients(self, architecture: Architecture, weights: Weights, seed: int) -> Weights:
        """Those of the author's loss over the author's batches."""
        del architecture
        return self.slopes.at(weights, seed)

    def train(
        self,
        architecture: Architecture,
        members: Sequence[Member],
        snapshots: Sequence[int],
        keeper: FolderKeeper,
    ) -> list[Trained]:
        """Never called: the author's loop trains."""
        raise NotImplementedError


class Slopes:
    """Gradients for the criteria that ask for them, by the author's loss and batches."""

    def __init__(
        self, network: OwnNetwork, loss: Loss | None, batches: Iterable[Any] | None
    ) -> None:
        self._network, self._loss, self._batches = network, loss, batches

    def check(self, recipe: PartialRecipe) -> None:
        """Refuse a criterion that needs gradients where there is no loss.

        Raises:
            PruningError: loss or batches are missing, or the batches can be walked through once.
        """
        assert recipe.pruning is not None
        criterion = recipe.pruning.criterion
        if "gradients" not in needs(CRITERIA.get(criterion)):
            return
        if self._loss is None or self._batches is None or iter(self._batches) is self._batches:
            raise PruningError(
                f"The criterion {criterion!r} needs gradients of your loss.",
                "Give `loss=lambda module, batch: ...` and `batches=[...]`, which is walked "
                "through once for each trial and level.",
            )

    def at(self, weights: Weights, seed: int) -> Weights:
        """The gradients of the mean loss over the batches, in eval mode, all weights dense.

        Raises:
            PruningError: there is no batch, or the loss is no finite scalar.
        """
        assert self._loss is not None
        assert self._batches is not None
        module = self._network.build(weights, {}).eval()
        seed_generators(derive_seed(seed, "own", "gradients"))
        count = 0
        for batch in self._batches:
            value = self._loss(module, batch)
            if value.numel() != 1 or not math.isfinite(float(value.detach())):
                raise PruningError(
                    f"The loss of a batch is {value.detach()}.", "Let it be one finite number."
                )
            value.backward()
            count += 1
        if not count:
            raise PruningError("There is no batch to take gradients of.", "Give at least one.")
        return {
            name: torch.zeros_like(value) if value.grad is None else value.grad / count
            for name, value in module.named_parameters(remove_duplicate=False)
        }


class StepFiles:
    """The finished steps of a level that is not finished, one file and one seal each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, trial: int, member: Member) -> bool:
        """Whether a step is finished.

        Raises:
            RunError: its seal is damaged, or it began with something else.
        """
        path = self._seal(trial)
        if not path.exists():
            return False
        if read_json(path, self._remedy(trial))["start"] != _start_digest(member):
            raise RunError(f"{path} began with other weights.", self._remedy(trial))
        return True

    def write(self, trial: int, member: Member, finished: Finished) -> None:
        """Keep a step durably.

        Raises:
            StorageError: it cannot be written; the step is not finished then.
        """
        trained = Trained(
            weights=finished.weights,
            curves=finished.curves,
            snapshots={},
            iterations=finished.iterations,
            backend=BACKEND,
        )
        tensors = flatten(trained)
        if finished.point is not None:
            tensors |= {_POINT + name: value for name, value in finished.point.items()}
        entry = write_tensors(self._folder / f"step-{trial}.safetensors", tensors)
        done = {"backend": BACKEND, "iterations": finished.iterations, "seed": member.seed}
        facts = {"format": FORMAT, "start": _start_digest(member), "measured": finished.measured}
        write_json(self._seal(trial), {**entry, **done, **facts})

    def read(self, trial: int, snapshots: Sequence[int]) -> Trained:
        """A finished step.

        Raises:
            RunError: a file of it is damaged.
        """
        entry = read_json(self._seal(trial), self._remedy(trial))
        flat = sealed_tensors(self._folder, entry)
        point = {
            name.removeprefix(_POINT): value
            for name, value in flat.items()
            if name.startswith(_POINT)
        }
        return replace(trained_of(entry, flat), snapshots=dict.fromkeys(snapshots, point))

    def _seal(self, trial: int) -> Path:
        return self._folder / f"step-{trial}.json"

    def _remedy(self, trial: int) -> str:
        return f"Remove {self._seal(trial)}; the same script then does that step again."


def _start_digest(member: Member) -> str:
    both = [content_digest(member.weights), content_digest(member.mask)]
    return hashlib.sha256(canonical_json(both)).hexdigest()
