"""Tickets beside their controls, all trained by the author's own loop, and the verdict."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ticket_hub.bundle import open_bundle
from ticket_hub.bundle.single import save_ticket
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.durable import sweep
from ticket_hub.errors import EvidenceError
from ticket_hub.evidence.verdict import ALPHA
from ticket_hub.networks import build, initialize
from ticket_hub.networks.own_function import check_same
from ticket_hub.networks.seeding import seed_generators
from ticket_hub.own.comparison_result import ComparisonResult, write_result
from ticket_hub.own.environment import environment_of, files_of
from ticket_hub.own.network import Make, OwnNetwork
from ticket_hub.own.own_controls import check_against
from ticket_hub.own.ranks import together
from ticket_hub.own.step import Step, StepFacts
from ticket_hub.pruning.masks import density, kept
from ticket_hub.recipe.experiment_spec import OwnExperimentSpec, spec_of
from ticket_hub.recipe.own import Metric, OwnLoop, is_own
from ticket_hub.recipe.spec import NetworkSpec
from ticket_hub.runs.lock import hold
from ticket_hub.seeds import derive_seed
from ticket_hub.transfer.controls import asks
from ticket_hub.transfer.folder import ExperimentFolder, default_folder
from ticket_hub.transfer.level_evidence import judge_levels
from ticket_hub.transfer.planning import request_for
from ticket_hub.transfer.result import Result
from ticket_hub.transfer.source import Source, chosen_levels, open_source
from ticket_hub.transfer.spec import DENSE, MemberKey
from ticket_hub.transfer.start import Start, StartSources, make_start
from ticket_hub.transfer.terms import Terms

__all__ = [
    "Comparison",
]


class Comparison:
    """Tickets and their controls, for a training loop of your own.

        comparison = Comparison("run:5", against=["reinit", "dense"], make_network=make_network)
        for step in comparison:
            train(step.module)
            step.finish(test=0.92)
        print(comparison.result().table)

    Each step is one network of one trial: `step.control` names it. All networks of a trial get the
    same global generators, seeded right before the step, so a loop that draws its order from them
    gives all of them the same examples. Fresh weights begin at iteration 0 (`step.start`), a
    rewound theta0 at its own: a loop that trains from `step.start` on gives all the same budget.

    Killed at any moment, the same script goes on with the step that was under way; more controls
    or trials go on in the same folder.

    Args:
        ticket: `FOLDER[:level]`, a run's name, or `owner/name[@revision][:level]` of a hub; the
            level is a number, several (`3,7`), a density (`d0.1`), `all`, or `best`. Or a `Ticket`:
            that one alone is then trained in every trial, and the evidence is about it, not about
            the bundle that it came from.
        against: `reinit`, `reinit-same-sign`, `shuffle`, `random`, `dense`.
        trials: repetitions; with more than the bundle has, its tickets are taken again.
        reinits: how often each control that draws something (fresh weights, a random mask) is
            drawn for each ticket; n still counts tickets, each with the mean of its draws.
        make_network: as in `Search`; needed where the ticket's network is its author's own.
        folder: of the run; by default `runs/compare-own-DIGEST-RECIPE` under `TICKET_HOME`.
        seed: of everything that is drawn.
        metric: what `step.finish` measures; by default what the tickets were found by.
        margin: how much worse than the dense network still is not inferior; by default the
            metric's.
        alpha: chance of any false word.
        data: what the loop trains on, as a name; by default that of the search.
        settings, packages, accept_environment: as in `Search`.
        hub: where to pull from.
        who: whose evidence this is, for the record.

    Raises:
        TicketNotFoundError, HubError, BundleError: the ticket cannot be had.
        NetworkError: the function is missing, or builds another network than the ticket's.
        RecipeError: an unknown control, or a setting that cannot be.
        EvidenceError: a control cannot be had by an author's own loop.
    """

    def __init__(
        self,
        ticket: TicketContent | str | Path,
        *,
        against: Sequence[str] = ("reinit", "dense"),
        trials: int = 5,
        reinits: int = 1,
        make_network: Make | None = None,
        folder: str | Path | None = None,
        seed: int = 0,
        metric: Metric | None = None,
        margin: float | None = None,
        alpha: float = ALPHA,
        data: str | None = None,
        settings: Mapping[str, bool | int | float | str] | None = None,
        packages: Sequence[str] = (),
        accept_environment: bool = False,
        hub: str | Path | None = None,
        who: str = "",
    ) -> None:
        check_against(against)
        self.source, levels = _source_of(ticket, hub)
        manifest = self.source.bundle.manifest
        architecture = self.source.bundle.architecture
        own = is_own(architecture.name)
        make = make_network or partial(build, architecture)  # which refuses an author's own
        self.network = OwnNetwork.of(make)
        check_same(_tensors_of(self.source.bundle.network.tensors), self.network.tensors)
        self.metric = metric or manifest.metric
        known = manifest.recipe.network or NetworkSpec(name=architecture.name, init="default")
        self._draw = self.network.initial if own else partial(initialize, architecture, known)
        loop = OwnLoop(
            metric=self.metric, data=data or manifest.data.name, settings=dict(settings or {})
        )
        self.spec = OwnExperimentSpec(
            network=known, theta0=self.source.theta0, loop=loop, seed=seed
        )
        terms = Terms(
            against=against,
            trials=trials,
            reinits=reinits,
            margin=self.metric.margin if margin is None else margin,
            alpha=alpha,
        )
        terms.check_numbers()
        spec_of(self.spec.to_table())  # which refuses a seed that could not be read again
        self.request = request_for(levels, terms)
        self.rule = replace(self.request.rule, metric=self.metric)
        self.rule.check()
        self.run = Path(folder) if folder else default_folder(self.spec, self.source)
        self._who, self._packages, self._accept = who, packages, accept_environment

    def __iter__(self) -> Iterator[Step]:
        """The steps that are not finished yet, the dense networks first.

        Raises:
            TicketHubError: as walking through a `Search` does.
        """
        return together(self._steps, self.network, self.metric)

    def result(self) -> ComparisonResult:
        """The verdict over all that was asked for, written into the folder.

        Raises:
            EvidenceError: a step is not finished yet.
            StorageError: a file cannot be written.
        """
        folder = ExperimentFolder(self.run)
        header = folder.open(self.spec)
        entries = [entry for group in self.request.groups() for entry in group]
        left = [entry for entry in entries if header is None or not folder.has(entry)]
        if header is None or left:
            raise EvidenceError(
                f"{len(left)} of {len(entries)} networks of this comparison are not finished.",
                "Walk through it first: `for step in comparison: ...; step.finish(test=...)`.",
            )
        results = [folder.read(entry, self._ticket_id(entry)) for entry in entries]
        levels = judge_levels(results, self.rule)
        return write_result(
            self.run,
            self.source,
            levels,
            request=self.request,
            header=header,
            rule=self.rule,
            who=self._who,
        )

    def _steps(self) -> Iterator[Step]:
        folder = ExperimentFolder(self.run)
        folder.refuse_strange()
        with hold(folder.run.lock):
            sweep(folder.path)
            if folder.open(self.spec) is None:
                folder.write_header(
                    {
                        "digest": self.spec.digest,
                        "spec": self.spec.to_table(),
                        "bundle": self.source.id,
                        "data": {"name": self.spec.data_name, "fingerprint": None},
                        "loop": files_of(self.network),
                    }
                )
            environment = environment_of(self._packages)
            folder.run.admit(environment, accept=self._accept)
            for control in self.request.controls:
                # What could not be made later is refused now, before anything is trained.
                self._start(MemberKey(self.request.levels[0], control, 0))
            for group in self.request.groups():
                for entry in group:
                    if folder.has(entry):
                        folder.read(entry, self._ticket_id(entry))
                        continue
                    step = self._step(entry, folder)
                    yield step
                    step.end()

    def _start(self, entry: MemberKey) -> tuple[TicketContent, Start]:
        """What a network begins with, and the ticket that it is made from."""
        level = self.request.levels[0] if entry.control == DENSE else entry.level
        ticket = self.source.ticket(level, entry.trial)
        seed = self.spec.control_seed(entry.control, entry.level, entry.trial, entry.draw)
        sources = StartSources(pruning=self.source.bundle.manifest.recipe.pruning, draw=self._draw)
        return ticket, make_start(entry.control, ticket, self.spec.network, seed, sources)

    def _step(self, entry: MemberKey, folder: ExperimentFolder) -> Step:
        ticket, start = self._start(entry)
        fresh = asks(entry.control, "fresh")
        order = self.spec.trial_seed(entry.trial)
        facts = StepFacts(
            control=entry.control,
            level=entry.level,
            trial=entry.trial,
            seed=order,
            density=density(start.mask),
            start=0 if fresh else ticket.start,
            rewound=not fresh,
        )
        step = Step(
            module=self.network.build(start.weights, start.mask),
            mask=start.mask,
            facts=facts,
            metric=self.metric,
            rewind_step=0,
            draw_seed=derive_seed(order, "own", "step"),
            keep=lambda finished: folder.write(
                entry,
                Result(
                    level=entry.level,
                    control=entry.control,
                    trial=entry.trial,
                    draw=entry.draw,
                    origin=self.source.origin(entry.trial),
                    ticket=self._ticket_id(entry),
                    order_seed=self.spec.trial_seed(entry.trial),
                    seed=start.seed,
                    kept=kept(start.mask),
                    prunable=sum(keep.numel() for keep in start.mask.values()),
                    transferred=1.0 if entry.control == DENSE else density(start.mask),
                    head="keep",
                    backend="own",
                    curves=finished.curves,
                    start=start.digest,
                ),
            ),
        )
        seed_generators(step.draw_seed)
        return step

    def _ticket_id(self, entry: MemberKey) -> str:
        if entry.control == DENSE:
            return self.spec.theta0[entry.trial % len(self.spec.theta0)]
        return self.source.ticket_id(entry.level, entry.trial)


def _source_of(
    ticket: TicketContent | str | Path, hub: str | Path | None
) -> tuple[Source, tuple[int, ...]]:
    """Where the tickets are, and their levels; a ticket in memory is written down meanwhile."""
    if not isinstance(ticket, TicketContent):
        return open_source(str(ticket), hub)
    folder = Path(tempfile.mkdtemp(prefix="ticket-"))
    save_ticket(ticket, folder / "bundle")
    source = Source(open_bundle(folder / "bundle"))
    weakref.finalize(source, shutil.rmtree, folder, ignore_errors=True)
    return source, chosen_levels(source.bundle, str(ticket.level))


def _tensors_of(tensors: Mapping[str, tuple[Any, tuple[int, ...]]]) -> dict[str, str]:
    return {
        name: f"{str(dtype).removeprefix('torch.')} {list(shape)}"
        for name, (dtype, shape) in tensors.items()
    }
