"""One experiment that a process works at: what of it is on disk, and what it would train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from ticket_hub.data import DataSet
from ticket_hub.environment import fingerprint
from ticket_hub.errors import RunMismatchError
from ticket_hub.runs.resources import Resources
from ticket_hub.training import Trained
from ticket_hub.training.checkpoint import FolderKeeper
from ticket_hub.transfer.controls import asks, bases_of, is_untrained
from ticket_hub.transfer.experiment_networks import (
    DenseNetwork,
    ExperimentNetworks,
    PreparedNetwork,
)
from ticket_hub.transfer.first_steps import first_name
from ticket_hub.transfer.folder import ExperimentFolder
from ticket_hub.transfer.planning import Plan
from ticket_hub.transfer.populations import bases
from ticket_hub.transfer.result import Result, read_result
from ticket_hub.transfer.shared import SharedNetworks, identity
from ticket_hub.transfer.spec import DENSE, TICKET, MemberKey

__all__ = ["Session"]


class Session:
    """An experiment whose folder this process owns; everything that lasts is in the folder.

    Args:
        data: gives the data on the device, in the shape that the network takes.
        shared: what other experiments have trained; an equal network's readings are taken over.

    Attributes:
        networks: makes the networks.

    Raises:
        RunMismatchError: the folder holds another experiment.
        RunError: its header is damaged.
    """

    def __init__(
        self,
        plan: Plan,
        folder: ExperimentFolder,
        resources: Resources,
        data: Callable[[], DataSet],
        shared: SharedNetworks | None,
    ) -> None:
        self.spec, self.request = plan.spec, plan.request
        self.folder, self.header = folder, folder.open(plan.spec)
        self._resources, self._data, self._shared = resources, data, shared
        self._bundle = plan.source.id
        self.networks = ExperimentNetworks(
            source=plan.source,
            spec=plan.spec,
            request=plan.request,
            own=plan.own,
            data=data,
            dense=self._dense,
        )

    @cached_property
    def environment(self) -> dict[str, str]:
        """The fingerprint of this process."""
        return fingerprint(self._data().device, self.spec.training.backend)

    def is_missing(self, entry: MemberKey) -> bool:
        """Whether a network is to be trained."""
        return not self.folder.has(entry) or (self._is_base(entry) and not self.has_dense(entry))

    def has_dense(self, base: MemberKey) -> bool:
        """Whether a dense network that others begin from is trained."""
        return self.folder.has_dense(base.trial, base.control)

    def read(self, entry: MemberKey) -> Result:
        """What a trained network came to.

        Raises:
            RunError, RunMismatchError: as `ExperimentFolder.read`.
        """
        return self.folder.read(entry, self.networks.ticket_id(entry))

    def first_iterations(self, entry: MemberKey) -> int:
        """How many iterations fresh weights train before the others begin."""
        untrained = is_untrained(entry.control, signed=self.spec.start == "signed")
        return self.spec.first_iterations(entry.trial) if untrained else 0

    def begin(self) -> None:
        """Be ready to train: write the header of a new folder, compare that of an old one.

        Raises:
            RunMismatchError: the data have changed.
            EnvironmentMismatchError: it was begun in another environment.
        """
        if self.header is None:
            data = self._data()
            header: dict[str, Any] = {
                "digest": self.spec.digest,
                "spec": self.spec.to_table(),
                "bundle": self._bundle,
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
            self.header = header
        if self.header["data"]["fingerprint"] != self._data().fingerprint:
            raise RunMismatchError(
                f"{self.folder.path} was begun with other data of {self.spec.data.name}.",
                "Restore the data set, or name another folder.",
            )
        self.folder.run.admit(self.environment, accept=self._resources.accept_environment)

    def finish(self, entry: MemberKey, prepared: PreparedNetwork, trained: Trained) -> None:
        """Keep what a network has come to."""
        # Before the result, by which the network counts as done.
        if self._is_base(entry):
            network = DenseNetwork(weights=trained.weights, iterations=trained.iterations)
            self.folder.write_dense(entry.trial, network, entry.control)
        self.folder.write(entry, self.networks.result(entry, prepared, trained))

    def forget(self, trained: Sequence[MemberKey]) -> None:
        """Drop checkpoints, also those of a process that was killed after its last result."""
        for entry in (*bases(trained), *trained):
            keeper = FolderKeeper(folder=self.folder.checkpoints(entry.level))
            keeper.forget([entry.name, first_name(entry.name)])

    def twins(self, entries: Sequence[MemberKey]) -> dict[MemberKey, MemberKey]:
        """The controls that begin as a ticket does, with that: they come to the same, bit for bit.

        So it is with `mask-only` where the target's own search would begin as the ticket's did.
        """
        alike = {entry: MemberKey(entry.level, TICKET, entry.trial) for entry in entries}
        return {
            entry: ticket
            for entry, ticket in alike.items()
            if entry.control not in {TICKET, DENSE}
            and not asks(entry.control, "trained")
            and self.first_iterations(entry) == self.first_iterations(ticket)
            and (ticket in alike or self.folder.has(ticket))
            and self._digest(entry) == self._digest(ticket)
        }

    def write_twin(self, entry: MemberKey, equal: MemberKey) -> None:
        """Keep what an equal network came to as this one's."""
        result = read_result(self.folder.place(equal))
        self.folder.write(entry, self.networks.result(entry, self.networks.prepare(entry), result))

    def identity(self, entry: MemberKey) -> str:
        """The sha256 over all that decides what a network comes to; empty where nobody shares."""
        if self._shared is None:
            return ""
        lined = self.networks.prepare(entry)
        return identity(
            lined.architecture,
            self.spec.training,
            self._data(),
            self.environment,
            self.networks.member(entry, lined),
            first=self.first_iterations(entry),
        )

    def take_over(self, entry: MemberKey, key: str) -> bool:
        """Whether an equal network was trained before; what it came to is then this one's, too.

        Args:
            key: the network's identity.
        """
        if self._shared is None:
            return False
        found = self._shared.find(key)
        if found is None:
            self._shared.note(key, self.folder.place(entry))
            return False
        equal, experiment_folder = found
        if self._is_base(entry):
            # Others begin from what this one came to, so that its result alone is not enough.
            weights = ExperimentFolder(experiment_folder).read_dense(equal.trial, entry.control)
            if weights is None:
                return False
            self.folder.write_dense(entry.trial, weights, entry.control)
        self.folder.write(entry, self.networks.result(entry, self.networks.prepare(entry), equal))
        return True

    def _is_base(self, entry: MemberKey) -> bool:
        """Whether another network begins from what this one comes to."""
        return any(entry.control in bases_of(control) for control in self.request.controls)

    def _digest(self, entry: MemberKey) -> str:
        return self.networks.prepare(entry).start.digest

    def _dense(self, trial: int, control: str) -> DenseNetwork:
        found = self.folder.read_dense(trial, control)
        assert found is not None, "dense networks are trained before what begins from them"
        return found
