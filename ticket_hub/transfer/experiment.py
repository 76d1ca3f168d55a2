"""Tickets and their controls, trained as populations on equal terms, resumable at any moment."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Iterator, Sequence
from functools import cached_property
from itertools import chain, zip_longest
from pathlib import Path
from typing import TypeAlias

from ticket_hub.data import DataSet
from ticket_hub.durable import canonical_json, sweep
from ticket_hub.recipe.tables import to_table
from ticket_hub.runs.lock import hold
from ticket_hub.runs.resources import Resources
from ticket_hub.training import Member, Trained, Trainer
from ticket_hub.training.checkpoint import LevelsKeeper
from ticket_hub.transfer.first_steps import first_training, with_first_steps
from ticket_hub.transfer.folder import ExperimentFolder
from ticket_hub.transfer.images import fit_images
from ticket_hub.transfer.planning import Plan
from ticket_hub.transfer.populations import held_networks, in_pieces, populations, waves
from ticket_hub.transfer.result import Result
from ticket_hub.transfer.session import Session
from ticket_hub.transfer.shared import SharedNetworks
from ticket_hub.transfer.spec import MemberKey

__all__ = ["experiments"]

Entry: TypeAlias = tuple[Session, MemberKey]
"""A network of an experiment."""


def experiments(
    places: Sequence[tuple[Plan, Path]],
    resources: Resources,
    *,
    names: Sequence[str] = (),
    shared: SharedNetworks | None = None,
) -> Generator[tuple[int, Result], None, None]:
    """Yield the result of every network asked for; those on disk are read, not trained again.

    Of each experiment the dense networks come first, then level by level the tickets and their
    controls. All networks of all experiments with one architecture, data and training are trained
    as one population, as far as the memory can hold it; `finetune` and `permuted` wait for the
    dense networks that they begin from. All networks of a trial see the same examples in the same
    order, begin at iteration 0, and have the same budget and schedule; before that, fresh weights
    are trained for as many iterations as a rewound theta0 has behind it. A network's result depends
    on nothing but spec, ticket and its own entry, so that a later call for more levels, controls or
    trials goes on in the same folder. Killed at any moment and called again, it goes on where it
    was.

    Args:
        places: what each experiment would train, and the folder where it is done.
        names: of the experiments, for what is told of their networks; no two are alike. There may
            be none where there is one experiment.
        shared: what experiments have trained; an equal network's readings are taken over.

    Returns:
        The place of the experiment among `places`, with each result.

    Raises:
        RunLockedError: another process works in a folder.
        RunMismatchError: a folder holds another experiment, or the data have changed.
        EnvironmentMismatchError: it was begun in another environment, and is not finished.
        RunError: a file is damaged, or a folder holds something else.
        StoppedError: `resources.should_stop` became true; the same call goes on.
        EvidenceError: a control cannot be had from a bundle.
        BundleError, DataError, NetworkError, TrainingError, StorageError: as their names say.
    """
    alike: dict[bytes, list[int]] = {}
    for number, (plan, path) in enumerate(places):
        # What must be equal in experiments whose networks are trained together. Other levels of
        # one bundle, which go on in one folder, wait until it is free.
        spec, waits = plan.spec, sum(path == each for _, each in places[:number])
        terms = (plan.source.bundle.architecture, spec.data, spec.training)
        key = canonical_json([*map(to_table, terms), spec.images, waits])
        alike.setdefault(key, []).append(number)
    for numbers in alike.values():
        with contextlib.ExitStack() as stack:
            chosen = [places[number] for number in numbers]
            begun = [f"{names[number]}/" if names else "" for number in numbers]
            population = _Population(chosen, begun, resources, shared, stack)
            for position, result in population.results():
                yield numbers[position], result


class _Population:
    """Experiments on equal terms that one process works at."""

    def __init__(
        self,
        places: Sequence[tuple[Plan, Path]],
        prefixes: Sequence[str],
        resources: Resources,
        shared: SharedNetworks | None,
        stack: contextlib.ExitStack,
    ) -> None:
        self.resources, self._stack = resources, stack
        self.architecture = places[0][0].source.bundle.architecture
        self.spec = places[0][0].spec
        self.sessions = []
        for plan, path in places:
            folder = ExperimentFolder(path)
            folder.refuse_strange()
            stack.enter_context(hold(folder.run.lock))
            sweep(path)
            self.sessions.append(Session(plan, folder, resources, lambda: self.data, shared))
        self.prefixes = dict(zip(self.sessions, prefixes, strict=True))
        assert len({*prefixes}) == len(prefixes), "checkpoints are found by the names of members"

    @cached_property
    def data(self) -> DataSet:
        """The data on the device, in the shape that the network takes."""
        return fit_images(self.resources.load(self.spec.data), self.architecture, self.spec.images)

    @cached_property
    def trainer(self) -> Trainer:
        """The training engine, with its processes."""
        return self._stack.enter_context(self.resources.trainer(self.data))

    def results(self) -> Iterator[tuple[int, Result]]:
        """Every result, experiment by experiment, group by group."""
        groups = [
            [(session, entry) for entry in group]
            for session in self.sessions
            for group in session.request.groups()
        ]
        for together in populations(groups, _is_missing, held_networks(self.architecture)):
            entries = [*chain.from_iterable(together)]
            missing = [*filter(_is_missing, entries)]
            if missing:
                self._train(missing)
            for session, some in _by_session(entries).items():
                session.forget(some)
            fresh = set(missing)
            for session, entry in entries:
                # From the disk, also what was trained just now: nobody sees a number that a later
                # run could not.
                result = session.read(entry)
                resumed = (session, entry) not in fresh
                yield (
                    self.sessions.index(session),
                    Result(**(vars(result) | {"resumed": resumed})),
                )

    def _train(self, missing: Sequence[Entry]) -> None:
        self.resources.refuse_if_stopped("a level")
        steps = []
        for session, entries in _by_session(missing).items():
            session.begin()
            steps.append(
                [[(session, entry) for entry in wave] for wave in waves(entries, session.has_dense)]
            )
        for together in zip_longest(*steps, fillvalue=()):
            self._train_wave([*chain.from_iterable(together)])

    def _train_wave(self, wave: Sequence[Entry]) -> None:
        left = [*wave]
        while left:
            fresh, left = _unequal(left)
            twins = {
                (session, entry): equal
                for session, entries in _by_session(fresh).items()
                for entry, equal in session.twins(entries).items()
            }
            trained = [each for each in fresh if each not in twins]
            if trained:
                in_pieces(trained, self._train_together)
            for (session, entry), equal in twins.items():
                session.write_twin(entry, equal)
        for session, entries in _by_session(wave).items():
            session.forget(entries)

    def _train_together(self, entries: Sequence[Entry]) -> None:
        lined = [session.networks.prepare(entry) for session, entry in entries]
        architecture, training, resources = (
            lined[0].architecture,
            self.spec.training,
            self.resources,
        )
        keeper = LevelsKeeper(
            folders={
                prefix: session.folder.checkpoints(0).parent
                for session, prefix in self.prefixes.items()
            },
            environment=self.sessions[0].environment,
        )

        def train_first(iterations: int, members: list[Member]) -> Sequence[Trained]:
            """Train the members that some controls begin from, without telling of it."""
            first = first_training(training, iterations)
            silent = dataclasses.replace(resources, observe=None)
            return silent.train(self.trainer, architecture, first, members, keeper)

        members = []
        for (session, entry), prepared in zip(entries, lined, strict=True):
            member = session.networks.member(entry, prepared)
            members.append(dataclasses.replace(member, name=self.prefixes[session] + member.name))
        counts = [session.first_iterations(entry) for session, entry in entries]
        members = with_first_steps(members, counts, architecture, train_first)
        trained = resources.train(self.trainer, architecture, training, members, keeper)
        for (session, entry), prepared, done in zip(entries, lined, trained, strict=True):
            session.finish(entry, prepared, done)


def _is_missing(entry: Entry) -> bool:
    session, key = entry
    return session.is_missing(key)


def _by_session(entries: Sequence[Entry]) -> dict[Session, list[MemberKey]]:
    found: dict[Session, list[MemberKey]] = {}
    for session, entry in entries:
        found.setdefault(session, []).append(entry)
    return found


def _unequal(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """What must be trained, no two of it equal, and what waits for an equal one of that.

    What was trained before is taken over.
    """
    fresh, waiting, begun = [], [], set[str]()
    for session, entry in entries:
        key = session.identity(entry)
        if key in begun:
            waiting.append((session, entry))
        elif not session.take_over(entry, key):
            fresh.append((session, entry))
            begun |= {key} - {""}
    return fresh, waiting
