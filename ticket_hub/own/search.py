"""A search whose networks the author's own loop trains: steps as values to walk through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ticket_hub import home
from ticket_hub.durable import sweep
from ticket_hub.errors import RecipeError
from ticket_hub.networks.seeding import seed_generators
from ticket_hub.own.environment import files_of
from ticket_hub.own.gradients import Loss, LossGradients
from ticket_hub.own.network import Make, OwnNetwork
from ticket_hub.own.ranks import together
from ticket_hub.own.step import Step, StepFacts
from ticket_hub.own.step_files import StepFiles
from ticket_hub.own.supplier import OwnSupplier
from ticket_hub.pruning import density
from ticket_hub.pruning.granularity import check_inputs
from ticket_hub.recipe import NetworkSpec, PartialRecipe, PruningSpec, SearchSpec
from ticket_hub.recipe.own import ACCURACY, Metric, OwnLoop
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.lock import hold
from ticket_hub.runs.resources import Resources
from ticket_hub.search.imp import refuse_strange
from ticket_hub.search.session import SearchSession
from ticket_hub.seeds import derive_seed
from ticket_hub.training import Member

__all__ = ["Search"]


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
            where the loop calls `step.rewind_point()`; or, with `lr` and `none`, training goes on
            from the pruned weights. The schedule is the loop's own: from its beginning where you
            say `lr` (learning-rate rewinding), at its last rate where you say `none`.
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
        self.network, wanted = OwnNetwork.of(make_network), pruning or PruningSpec()
        _check_pruning(wanted, self.network)
        self.metric = metric
        self.recipe = PartialRecipe(
            name=name,
            about="Trained by its author's own loop.",
            network=NetworkSpec(name=self.network.name),
            pruning=wanted,
            search=SearchSpec(
                levels=levels, trials=trials, seed=seed, rewind=rewind, stop_density=stop_density
            ),
        )
        loop = OwnLoop(
            metric=metric,
            data=data,
            commit=commit,
            settings=dict(settings or {}),
            **files_of(self.network),
        )
        resources = Resources(notify=notify, accept_environment=accept_environment)
        gradients = LossGradients(self.network, loss, batches)
        gradients.check(self.recipe)
        self._supplier = OwnSupplier(
            self.recipe, resources, self.network, loop, gradients, packages=packages
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
            session = SearchSession(folder, self._supplier)
            for index in range(session.ladder.search.first_level, session.ladder.last + 1):
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
            rewound=member.level > 0 and not search.goes_on,
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


def _check_pruning(pruning: PruningSpec, network: OwnNetwork) -> None:
    """Refuse pruning that an author's own loop or network cannot have.

    Raises:
        RecipeError: masks would be found while the loop trains.
        PruningError: a granularity is about inputs, and those of a layer lie elsewhere.
    """
    check_inputs(pruning, network.transposed)
    if pruning.is_in_training:
        raise RecipeError(
            "A loop of one's own is handed a mask that stays as it is, so that none can be "
            f"found in its training (pruning.when = {pruning.when!r}).",
            "Take pruning.when = 'trained', or give network and data to `ticket_hub.find`.",
        )
