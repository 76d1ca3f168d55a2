"""Tickets and their controls, trained as populations on equal terms, resumable at any moment."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ticket_hub.data import DataSet, adapted, load
from ticket_hub.durable import sweep
from ticket_hub.environment import choose_device, fingerprint
from ticket_hub.errors import MemoryLimitError, RunMismatchError, StoppedError
from ticket_hub.pruning.masks import kept
from ticket_hub.search.lock import hold
from ticket_hub.search.workshop import Resources
from ticket_hub.training import Member, Trained, Trainer
from ticket_hub.training.checkpoint import FolderKeeper
from ticket_hub.transfer.controls import Start, make_start
from ticket_hub.transfer.folder import ExperimentFolder
from ticket_hub.transfer.head import Fitted, fit
from ticket_hub.transfer.result import Result
from ticket_hub.transfer.shared import SharedNetworks, identity
from ticket_hub.transfer.source import Source
from ticket_hub.transfer.spec import DENSE, Entry, ExperimentSpec, Request

__all__ = ["experiment", "in_pieces"]


def experiment(
    source: Source,
    spec: ExperimentSpec,
    request: Request,
    *,
    run_folder: Path,
    resources: Resources,
    shared: SharedNetworks | None = None,
) -> Generator[Result, None, None]:
    """Yield the result of every network asked for; those on disk are read, not trained again.

    The dense networks come first, then level by level the tickets and their controls. All networks
    of a trial see the same examples in the same order, begin at iteration 0, and have the same
    budget and schedule. A network's result depends on nothing but spec, ticket and its own entry,
    so that a later call for more levels, controls or trials goes on in the same folder. Killed at
    any moment and called again, it goes on where it was.

    Args:
        shared: what other experiments of the same transfer have trained; an equal network's
            readings are taken over.

    Raises:
        RunLockedError: another process works in the folder.
        RunMismatchError: the folder holds another experiment, or the data have changed.
        EnvironmentMismatchError: it was begun in another environment, and is not finished.
        RunError: a file is damaged, or the folder holds something else.
        StoppedError: `resources.should_stop` became true; the same call goes on.
        EvidenceError: a control cannot be had from this bundle.
        BundleError, DataError, NetworkError, TrainingError, StorageError: as their names say.
    """
    folder = ExperimentFolder(run_folder)
    folder.refuse_strange()
    with hold(folder.run.lock), contextlib.ExitStack() as stack:
        sweep(folder.path)
        session = _Session(source, spec, request, folder, resources, stack)
        session.shared = shared
        yield from session.results()


def in_pieces(entries: Sequence[Entry], train: Callable[[Sequence[Entry]], None]) -> None:
    """Train a population, or, where it is too large for the memory, its halves in turn.

    No result depends on it.

    Raises:
        MemoryLimitError: a single member does not fit.
    """
    try:
        train(entries)
    except MemoryLimitError:
        if len(entries) == 1:
            raise
        middle = len(entries) // 2
        in_pieces(entries[:middle], train)
        in_pieces(entries[middle:], train)


class _Session:
    """One process at work on an experiment; everything that lasts is in the folder."""

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        source: Source,
        spec: ExperimentSpec,
        request: Request,
        folder: ExperimentFolder,
        resources: Resources,
        stack: contextlib.ExitStack,
    ) -> None:
        self.source, self.spec, self.request = source, spec, request
        self.folder, self.resources, self._stack = folder, resources, stack
        self.header = folder.open(spec)
        self.shared: SharedNetworks | None = None

    def results(self) -> Iterator[Result]:
        """Every result, group by group."""
        for group in self.request.groups():
            missing = [entry for entry in group if not self.folder.has(entry)]
            if missing:
                self._train(missing)
            fresh = set(missing)
            for entry in group:
                result = self.folder.read(entry, self._ticket_id(entry))
                yield Result(**(vars(result) | {"resumed": entry not in fresh}))

    @cached_property
    def data(self) -> DataSet:
        """The data on the device, in the shape that the network takes."""
        device = choose_device(self.resources.device)
        shape = self.source.bundle.architecture
        found = load(self.spec.data, self.resources.data_dir).to(device)
        return adapted(found, channels=shape.channels, height=shape.height, width=shape.width)

    @cached_property
    def trainer(self) -> Trainer:
        """The training engine, with its processes."""
        return self._stack.enter_context(Trainer(self.data, workers=self.resources.workers))

    @cached_property
    def environment(self) -> dict[str, str]:
        """The fingerprint of this process."""
        return fingerprint(self.data.train.images.device, self.spec.training.backend)

    def _train(self, missing: Sequence[Entry]) -> None:
        self._refuse_to_start()
        left = [entry for entry in missing if not self._take_over(entry)]
        keeper = FolderKeeper(
            folder=self.folder.checkpoints(missing[0].level), environment=self.environment
        )
        if left:
            in_pieces(left, lambda entries: self._train_together(entries, keeper))
        keeper.clear()

    def _take_over(self, entry: Entry) -> bool:
        """Whether an equal network was trained before; its readings then are this one's, too."""
        if self.shared is None:
            return False
        fitted = self._fitted(entry)
        start = self._start(entry, fitted)
        key = identity(
            fitted.ticket.architecture,
            self.spec.training,
            self.data,
            self.environment,
            self._member(entry, start),
        )
        equal = self.shared.find(key)
        if equal is None:
            self.shared.note(key, self.folder.place(entry))
            return False
        self.folder.write(entry, self._result(entry, fitted, start, equal))
        return True

    def _train_together(self, entries: Sequence[Entry], keeper: FolderKeeper) -> None:
        fitted = [self._fitted(entry) for entry in entries]
        starts = [self._start(*pair) for pair in zip(entries, fitted, strict=True)]
        trained = self.trainer.train(
            fitted[0].ticket.architecture,
            self.spec.training,
            [self._member(*pair) for pair in zip(entries, starts, strict=True)],
            keeper=keeper,
            checkpoint_seconds=self.resources.checkpoint_seconds,
            observe=self.resources.observe,
            should_stop=self.resources.should_stop,
        )
        for each in zip(entries, fitted, starts, trained, strict=True):
            self.folder.write(each[0], self._result(*each))

    def _refuse_to_start(self) -> None:
        resources = self.resources
        if resources.should_stop is not None and resources.should_stop():
            raise StoppedError("Stopped before a level.", "The same command goes on from there.")
        if self.header is None:
            self.header = self._begin()
        if self.header["data"]["fingerprint"] != self.data.fingerprint:
            raise RunMismatchError(
                f"{self.folder.path} was begun with other data of {self.spec.data.name}.",
                "Restore the data set, or name another folder.",
            )
        self.folder.run.admit(self.environment, accept=resources.accept_environment)

    def _begin(self) -> dict[str, Any]:
        data = self.data
        header: dict[str, Any] = {
            "digest": self.spec.digest,
            "spec": self.spec.to_table(),
            "bundle": self.source.id,
            "data": {
                "name": self.spec.data.name,
                "fingerprint": data.fingerprint,
                "classes": data.classes,
                "mean": data.mean.tolist(),
                "std": data.std.tolist(),
            },
        }
        self.folder.write_header(header)
        return header

    def _fitted(self, entry: Entry) -> Fitted:
        """The entry's ticket with a head for the data; the dense network takes any of its trial."""
        level = self.request.levels[0] if entry.control == DENSE else entry.level
        return fit(
            self.source.ticket(level, entry.trial),
            self.data.classes,
            self.spec.head,
            self.spec.network,
            self.spec.control_seed("head", 0, entry.trial),
        )

    def _start(self, entry: Entry, fitted: Fitted) -> Start:
        seed = self.spec.control_seed(entry.control, entry.level, entry.trial)
        return make_start(entry.control, fitted.ticket, self.spec.network, seed)

    def _member(self, entry: Entry, start: Start) -> Member:
        return Member(
            name=entry.name,
            seed=self.spec.trial_seed(entry.trial),
            level=0,
            weights=start.weights,
            mask=start.mask,
        )

    def _ticket_id(self, entry: Entry) -> str:
        """The ticket that an entry was made from; of a dense network its theta0."""
        if entry.control == DENSE:
            return self.spec.theta0[entry.trial % len(self.spec.theta0)]
        return self.source.ticket_id(entry.level, entry.trial)

    def _result(
        self, entry: Entry, fitted: Fitted, start: Start, trained: Trained | Result
    ) -> Result:
        return Result(
            level=entry.level,
            control=entry.control,
            trial=entry.trial,
            origin=self.source.origin(entry.trial),
            ticket=self._ticket_id(entry),
            order_seed=self.spec.trial_seed(entry.trial),
            seed=start.seed,
            kept=kept(start.mask),
            prunable=sum(keep.numel() for keep in start.mask.values()),
            transferred=1.0 if entry.control == DENSE else fitted.transferred_density,
            head=fitted.policy,
            backend=trained.backend,
            curves=trained.curves,
        )
