"""Tickets and their controls, trained as populations on equal terms, resumable at any moment."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ticket_hub.data import DataSet
from ticket_hub.durable import sweep
from ticket_hub.environment import fingerprint
from ticket_hub.errors import RunMismatchError
from ticket_hub.runs.lock import hold
from ticket_hub.runs.resources import Resources
from ticket_hub.training import Member, Trained, Trainer
from ticket_hub.training.checkpoint import FolderKeeper, LevelsKeeper
from ticket_hub.transfer.controls import asks, bases_of, is_untrained
from ticket_hub.transfer.experiment_networks import DenseNetwork, ExperimentNetworks
from ticket_hub.transfer.first_steps import first_name, first_training, with_first_steps
from ticket_hub.transfer.folder import ExperimentFolder
from ticket_hub.transfer.images import fit_images
from ticket_hub.transfer.own import Own
from ticket_hub.transfer.populations import bases, held_networks, in_pieces, populations, waves
from ticket_hub.transfer.result import Result, read_result
from ticket_hub.transfer.shared import SharedNetworks, identity
from ticket_hub.transfer.source import Source
from ticket_hub.transfer.spec import DENSE, TICKET, ExperimentSpec, MemberKey, Request

__all__ = ["experiment"]


def experiment(
    source: Source,
    spec: ExperimentSpec,
    request: Request,
    *,
    run_folder: Path,
    resources: Resources,
    own: Own | None = None,
    shared: SharedNetworks | None = None,
) -> Generator[Result, None, None]:
    """Yield the result of every network asked for; those on disk are read, not trained again.

    The dense networks come first, then level by level the tickets and their controls. All are
    trained as one population, as far as the memory can hold it; `finetune` and `permuted` wait for
    the dense networks that they begin from. All networks of a trial see the same examples in the
    same order, begin at iteration 0, and have the same budget and schedule; before that, fresh
    weights are trained for as many iterations as a rewound theta0 has behind it. A network's result
    depends on nothing but spec, ticket and its own entry, so that a later call for more levels,
    controls or trials goes on in the same folder. Killed at any moment and called again, it goes on
    where it was.

    Args:
        own: the target's own tickets, for the control `own`.
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
        session.own, session.shared = own, shared
        yield from session.results()


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
        self.own: Own | None = None
        self.shared: SharedNetworks | None = None

    def results(self) -> Iterator[Result]:
        """Every result, group by group."""
        groups = list(self.request.groups())
        most = held_networks(self.source.bundle.architecture)
        for together in populations(groups, self._is_missing, most):
            entries = [entry for group in together for entry in group]
            missing = [entry for entry in entries if self._is_missing(entry)]
            if missing:
                self._train(missing)
            self._forget(entries)
            fresh = set(missing)
            for entry in entries:
                # From the disk, also what was trained just now: nobody sees a number that a later
                # run could not.
                result = self.folder.read(entry, self.networks.ticket_id(entry))
                yield Result(**(vars(result) | {"resumed": entry not in fresh}))

    @cached_property
    def data(self) -> DataSet:
        """The data on the device, in the shape that the network takes."""
        found = self.resources.load(self.spec.data)
        return fit_images(found, self.source.bundle.architecture, self.spec.images)

    @cached_property
    def trainer(self) -> Trainer:
        """The training engine, with its processes."""
        return self._stack.enter_context(self.resources.trainer(self.data))

    @cached_property
    def environment(self) -> dict[str, str]:
        """The fingerprint of this process."""
        return fingerprint(self.data.device, self.spec.training.backend)

    @cached_property
    def networks(self) -> ExperimentNetworks:
        """Makes the networks."""
        return ExperimentNetworks(
            source=self.source,
            spec=self.spec,
            request=self.request,
            own=self.own,
            data=lambda: self.data,
            dense=self._dense,
        )

    def _is_missing(self, entry: MemberKey) -> bool:
        return not self.folder.has(entry) or (
            self._is_base(entry) and not self.folder.has_dense(entry.trial, entry.control)
        )

    def _first_iterations(self, entry: MemberKey) -> int:
        untrained = is_untrained(entry.control, signed=self.spec.start == "signed")
        return self.spec.first_iterations(entry.trial) if untrained else 0

    def _is_base(self, entry: MemberKey) -> bool:
        """Whether another network begins from what this one comes to."""
        return any(entry.control in bases_of(control) for control in self.request.controls)

    def _train(self, missing: Sequence[MemberKey]) -> None:
        self._refuse_to_start()
        for wave in waves(missing, lambda base: self.folder.has_dense(base.trial, base.control)):
            self._train_wave(wave)

    def _train_wave(self, missing: Sequence[MemberKey]) -> None:
        fresh = [entry for entry in missing if not self._take_over(entry)]
        twins = self._twins(fresh)
        left = [entry for entry in fresh if entry not in twins]
        if left:
            in_pieces(left, self._train_together)
        for entry, equal in twins.items():
            result = read_result(self.folder.place(equal))
            self.folder.write(
                entry, self.networks.result(entry, self.networks.prepare(entry), result)
            )
        self._forget(missing)

    def _forget(self, trained: Sequence[MemberKey]) -> None:
        """Drop checkpoints that a process left which was killed after its last result."""
        for entry in (*bases(trained), *trained):
            keeper = FolderKeeper(folder=self.folder.checkpoints(entry.level))
            keeper.forget([entry.name, first_name(entry.name)])

    def _twins(self, entries: Sequence[MemberKey]) -> dict[MemberKey, MemberKey]:
        """The controls that begin as a ticket does, with that: they come to the same, bit for bit.

        So it is with `mask-only` where the target's own search would begin as the ticket's did.
        """
        alike = {entry: MemberKey(entry.level, TICKET, entry.trial) for entry in entries}
        return {
            entry: ticket
            for entry, ticket in alike.items()
            if entry.control not in {TICKET, DENSE}
            and not asks(entry.control, "trained")
            and (ticket in alike or self.folder.has(ticket))
            and self._digest(entry) == self._digest(ticket)
        }

    def _digest(self, entry: MemberKey) -> str:
        return self.networks.prepare(entry).start.digest

    def _take_over(self, entry: MemberKey) -> bool:
        """Whether an equal network was trained before; what it came to is then this one's, too."""
        if self.shared is None:
            return False
        lined = self.networks.prepare(entry)
        member = self.networks.member(entry, lined)
        training, data = self.spec.training, self.data
        first = self._first_iterations(entry)
        key = identity(lined.architecture, training, data, self.environment, member, first=first)
        found = self.shared.find(key)
        if found is None:
            self.shared.note(key, self.folder.place(entry))
            return False
        equal, experiment_folder = found
        if self._is_base(entry):
            # Others begin from what this one came to, so that its result alone is not enough.
            weights = ExperimentFolder(experiment_folder).read_dense(equal.trial, entry.control)
            if weights is None:
                return False
            self.folder.write_dense(entry.trial, weights, entry.control)
        self.folder.write(entry, self.networks.result(entry, lined, equal))
        return True

    def _train_together(self, entries: Sequence[MemberKey]) -> None:
        lined = [self.networks.prepare(entry) for entry in entries]
        architecture, resources = lined[0].architecture, self.resources
        folder = self.folder.checkpoints(0).parent
        keeper = LevelsKeeper(folder=folder, environment=self.environment)

        def train_first(iterations: int, members: list[Member]) -> Sequence[Trained]:
            """Train the members that some controls begin from, without telling of it."""
            training = first_training(self.spec.training, iterations)
            silent = dataclasses.replace(resources, observe=None)
            return silent.train(self.trainer, architecture, training, members, keeper)

        members = with_first_steps(
            [self.networks.member(*pair) for pair in zip(entries, lined, strict=True)],
            [self._first_iterations(entry) for entry in entries],
            architecture,
            train_first,
        )
        trained = resources.train(self.trainer, architecture, self.spec.training, members, keeper)
        for entry, start, done in zip(entries, lined, trained, strict=True):
            # Before the result, by which the network counts as done.
            if self._is_base(entry):
                network = DenseNetwork(weights=done.weights, iterations=done.iterations)
                self.folder.write_dense(entry.trial, network, entry.control)
            self.folder.write(entry, self.networks.result(entry, start, done))

    def _dense(self, trial: int, control: str) -> DenseNetwork:
        found = self.folder.read_dense(trial, control)
        assert found is not None, "dense networks are trained before what begins from them"
        return found

    def _refuse_to_start(self) -> None:
        self.resources.refuse_if_stopped("a level")
        if self.header is None:
            self.header = self._begin()
        if self.header["data"]["fingerprint"] != self.data.fingerprint:
            raise RunMismatchError(
                f"{self.folder.path} was begun with other data of {self.spec.data.name}.",
                "Restore the data set, or name another folder.",
            )
        self.folder.run.admit(self.environment, accept=self.resources.accept_environment)

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
                "test_examples": len(data.test.labels),
                "input_shape": list(data.input_shape),
                "mean": data.mean.tolist(),
                "std": data.std.tolist(),
            },
        }
        self.folder.write_header(header)
        return header
