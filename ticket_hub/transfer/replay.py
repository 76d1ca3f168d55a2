"""Train the tickets of a bundle again as its search did, and compare with what it claims."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Unpack

import torch

from ticket_hub import home
from ticket_hub.bundle import Bundle
from ticket_hub.bundle.manifest_records import TrialRecord
from ticket_hub.bundle.metrics import CurveRecord
from ticket_hub.bundle.needed_plugins import demand_data
from ticket_hub.durable import canonical_json, sweep
from ticket_hub.environment import differences
from ticket_hub.errors import EvidenceError, RecipeError, RunError, RunMismatchError
from ticket_hub.evidence import Rule
from ticket_hub.evidence.reproduction import LevelReplay, ReplayReport, TrialReplay, judge_level
from ticket_hub.evidence.verdict import ALPHA, MARGIN
from ticket_hub.hub.address import PlaceLike, named_place
from ticket_hub.networks import initialize
from ticket_hub.pruning.masks import full_mask, kept
from ticket_hub.recipe import Recipe
from ticket_hub.recipe.experiment_spec import TICKET
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.lock import hold
from ticket_hub.runs.resources import ResourceOptions, Resources, check_keywords
from ticket_hub.search.level_trainer import LevelTrainer
from ticket_hub.training import Member
from ticket_hub.training.checkpoint import FolderKeeper
from ticket_hub.transfer.result import Result, read_result, write_result
from ticket_hub.transfer.source import open_place
from ticket_hub.types import Mask, Weights

__all__ = ["replay_bundle"]

DENSE_LEVEL = 0


def replay_bundle(
    place: PlaceLike,
    *,
    trials: int | None = None,
    margin: float = MARGIN,
    alpha: float = ALPHA,
    hub: str | Path | None = None,
    run_folder: Path | str | None = None,
    **resources: Unpack[ResourceOptions],
) -> ReplayReport:
    """Train a level and the dense network again: same recipe, data order, trials and seeds.

    Whether the claimed accuracies came out is told by `ticket_hub.evidence.reproduction`. The same
    call again resumes. Curves of controls in the bundle are not replayed: how they were drawn is
    not part of a bundle.

    Args:
        place: as in `ticket_hub.retrain`; one level, by default the best.
        trials: only the first so many.
        margin: how far a mean may be off where one trial is claimed: 0.002 is 0.2 points.
        alpha: chance that a true claim is called not reproduced in another environment.
        run_folder: by default `runs/replay-ID-RECIPE` under `TICKET_HOME`.
        hub: where to pull from: a folder, or the address of a server.
        resources: `device`, `workers`, `data_dir`, `observe`, `notify`, `should_stop` and
            `checkpoint_seconds`; see `ticket_hub.runs.Resources`.

    Raises:
        RecipeError: a margin, an alpha or a number of trials that cannot be.
        EvidenceError: nothing was measured, the recipe is not known, or the level went on from
            trained weights that no bundle has; or the data here are not those of the evidence.
        TicketNotFoundError, HubError, BundleError: as `ticket_hub.retrain`.
        EnvironmentMismatchError: the folder holds a replay of another environment.
        StoppedError: `should_stop` became true; the same call goes on.
        RunError, DataError, TrainingError, StorageError: as their names say.
    """
    check_keywords(replay_bundle, resources, Resources)
    rule = Rule(margin=margin, alpha=alpha)
    rule.check()
    if trials is not None and trials < 1:
        raise RecipeError(f"{trials} trials cannot be replayed.", "Replay at least one.")
    source, text = open_place(named_place(place), hub)
    bundle = source.bundle
    level = bundle.level(text or "best").index
    digest = bundle.manifest.recipe.digest
    default = home.runs_folder() / f"replay-{source.id[:12]}-{digest[:12]}"
    folder = RunFolder(Path(run_folder) if run_folder else default)
    recipe = _checked(bundle, level, folder)
    with hold(folder.lock), contextlib.ExitStack() as stack:
        sweep(folder.path)
        trainer = LevelTrainer(recipe, Resources(**resources), stack)
        return _Replay(bundle, folder, trainer, trials, rule).report(level)


def _checked(bundle: Bundle, level: int, folder: RunFolder) -> Recipe:
    """The recipe to replay, once nothing stands in the way of it."""
    recipe, own = bundle.manifest.recipe, bundle.manifest.own
    if own is not None:
        raise EvidenceError(
            f"These tickets were trained {own.sentence}.",
            "Ask the author for that script, and run it: it walks through `own.Search`.",
        )
    seeded = all(trial.seed is not None for trial in bundle.manifest.trials)
    if not isinstance(recipe, Recipe) or not seeded or bundle.evidence(level) is None:
        raise EvidenceError(
            "There is nothing to replay: this bundle does not say how its level was measured.",
            "Measure it with `ticket retrain`.",
        )
    if recipe.search.goes_on and level != DENSE_LEVEL:
        raise EvidenceError(
            f"This search went on from trained weights (`rewind = {recipe.search.rewind}`), which "
            "no bundle has.",
            "Repeat the whole search with `ticket find` and the recipe in the manifest.",
        )
    if recipe.pruning.is_in_training and level != DENSE_LEVEL:
        raise EvidenceError(
            "This search measured its levels while their masks shrank or were drawn "
            f"(`pruning.when = {recipe.pruning.when!r}`), and not from theta0 under the mask that "
            "a bundle has.",
            "Repeat the whole search with `ticket find` and the recipe in the manifest, or measure "
            "the tickets with `ticket retrain`.",
        )
    demand_data(bundle.manifest.plugins, recipe.data.name)
    if folder.path.is_dir() and any(folder.path.iterdir()) and not folder.lock.exists():
        raise RunError(
            f"{folder.path} holds something that is no replay.",
            "Name a new folder, or an empty one.",
        )
    return recipe


@dataclass
class _Replay:
    """One process at work on a replay; every trained network is in the folder at once."""

    bundle: Bundle
    folder: RunFolder
    trainer: LevelTrainer
    count: int | None
    rule: Rule

    @cached_property
    def claims(self) -> dict[tuple[int, int], CurveRecord]:
        """Level and trial -> what the bundle says was measured."""
        return {
            (each.level, each.trial): each
            for each in self.bundle.curves()
            if each.control == TICKET
        }

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """The trials that are replayed."""
        return self.bundle.manifest.trials[: self.count]

    def report(self, level: int) -> ReplayReport:
        """Replay, from disk what is there, and compare."""
        if self.trainer.data.fingerprint != self.bundle.manifest.data.fingerprint:
            raise EvidenceError(
                f"The data of {self.bundle.manifest.data.name} here are not those of the evidence.",
                "Restore the data set, or name its folder with --data-dir.",
            )
        here = self.trainer.environments[0]
        self.folder.admit(here, accept=False)
        changes = differences(self.bundle.manifest.environment, here)
        if not self.bundle.manifest.bit_exact:
            changes.append("the search was resumed in another environment")
        levels = [each for each in dict.fromkeys((DENSE_LEVEL, level)) if self._can(each)]
        found = [self._compare(each, family=len(levels), same=not changes) for each in levels]
        return ReplayReport(
            levels=tuple(found),
            differences=tuple(changes),
            run=str(self.folder.path),
            rule=self.rule,
            test_examples=len(self.trainer.data.test.labels),
            bundle=self.bundle.manifest.id,
            environment=here,
        )

    def _can(self, level: int) -> bool:
        """Whether a level was measured, and its weights can be had."""
        measured = all((level, each.index) in self.claims for each in self.bundle.manifest.trials)
        dense = self.bundle.manifest.has_dense and not self.trials[0].start
        return measured and (level != DENSE_LEVEL or dense or not self.bundle.manifest.lineage)

    def _compare(self, level: int, *, family: int, same: bool) -> LevelReplay:
        missing = [each for each in self.trials if not self._place(level, each).exists()]
        if missing:
            keeper = FolderKeeper(
                folder=self.folder.checkpoints(level), environment=self.trainer.environments[0]
            )
            members = [self._member(level, trial) for trial in missing]
            trained = self.trainer.train(self.bundle.architecture, members, (), keeper)
            for trial, member, done in zip(missing, members, trained, strict=True):
                write_result(
                    self._place(level, trial),
                    Result(
                        level=level,
                        control=TICKET,
                        trial=trial.index,
                        origin=trial.index,
                        ticket=self._mark(trial),
                        order_seed=_seed(trial),
                        seed=None,
                        kept=kept(member.mask),
                        prunable=self.bundle.manifest.prunable,
                        transferred=1.0,
                        head="keep",
                        backend=done.backend,
                        curves=done.curves,
                    ),
                )
            keeper.clear()
        else:  # a process may have been killed after its last result
            FolderKeeper(folder=self.folder.checkpoints(level)).clear()
        pairs = [(self.claims[level, each.index], self._read(level, each)) for each in self.trials]
        # All that is claimed, also where fewer are replayed: its spread says where their mean may
        # lie.
        claimed = [
            self.claims[level, each.index].curves.accuracy for each in self.bundle.manifest.trials
        ]
        trials = [_trial(claim, result) for claim, result in pairs]
        return judge_level(
            level, trials, claimed, same_environment=same, family=family, rule=self.rule
        )

    def _place(self, level: int, trial: TrialRecord) -> Path:
        return self.folder.path / "results" / f"{level:03d}" / f"{TICKET}-{trial.index}.json"

    def _read(self, level: int, trial: TrialRecord) -> Result:
        result = read_result(self._place(level, trial))
        if result.ticket != self._mark(trial):
            raise RunMismatchError(
                f"{self._place(level, trial)} is of another ticket or another recipe.",
                "Name another folder with --out.",
            )
        return result

    def _mark(self, trial: TrialRecord) -> str:
        """What decides the result of a trial at every level."""
        manifest = self.bundle.manifest
        parts = [manifest.id, manifest.recipe.digest, trial.seed, trial.start]
        return hashlib.sha256(canonical_json(parts)).hexdigest()

    def _member(self, level: int, trial: TrialRecord) -> Member:
        weights, mask = self._begin(level, trial)
        return Member(
            name=f"trial-{trial.index}",
            seed=_seed(trial),
            level=level,
            weights=weights,
            mask=mask,
            # The dense network was trained from its initialization, wherever survivors are rewound
            # to.
            start=trial.start if level else 0,
        )

    def _begin(self, level: int, trial: TrialRecord) -> tuple[Weights, Mask]:
        """The weights and the mask that a member of the search began with."""
        manifest = self.bundle.manifest
        if level != DENSE_LEVEL:
            return self.bundle.theta0(trial.index), self.bundle.mask(level, trial.index)
        mask = full_mask(self.bundle.network.layers)
        if manifest.has_dense and not trial.start:
            return self.bundle.theta0(trial.index), mask
        # Drawn again from its seed, as the search drew it: the bundle has its survivors only, or
        # theta0 of a later iteration.
        network = self.trainer.recipe.network
        return initialize(self.bundle.architecture, network, _seed(trial)), mask


def _seed(trial: TrialRecord) -> int:
    assert trial.seed is not None  # `_checked` refuses a bundle that does not say it
    return trial.seed


def _trial(claim: CurveRecord, result: Result) -> TrialReplay:
    # Bit for bit; a test set that was not read is the same on both sides.
    a, b = claim.curves.columns, result.curves.columns
    return TrialReplay(
        trial=claim.trial,
        claimed=claim.curves.accuracy,
        found=result.accuracy,
        claimed_stop=claim.chosen,
        found_stop=result.early_stop,
        identical=a.shape == b.shape
        and torch.equal(a.nan_to_num(nan=-1.0), b.nan_to_num(nan=-1.0)),
    )
