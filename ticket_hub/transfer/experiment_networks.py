"""Which network each entry of an experiment begins as, and in whose name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.data import DataSet, normalized
from ticket_hub.errors import EvidenceError
from ticket_hub.networks import outline
from ticket_hub.pruning.masks import full_mask, kept
from ticket_hub.recipe.pruning_spec import PruningSpec
from ticket_hub.search import pretrained as pretrained_start
from ticket_hub.seeds import derive_seed
from ticket_hub.structured.dependencies import structure_of
from ticket_hub.structured.matching import match_units, permuted_units
from ticket_hub.training import Member, Trained
from ticket_hub.transfer.controls import asks
from ticket_hub.transfer.head import Fitted, fit
from ticket_hub.transfer.images import fit_size
from ticket_hub.transfer.own import Own
from ticket_hub.transfer.result import Result
from ticket_hub.transfer.scored import Theta0Scores
from ticket_hub.transfer.source import Source
from ticket_hub.transfer.spec import (
    DENSE,
    DENSE_REINIT,
    OWN,
    ExperimentSpec,
    MemberKey,
    Request,
)
from ticket_hub.transfer.start import Start, StartSources, make_start
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["DenseNetwork", "ExperimentNetworks", "PreparedNetwork", "pruning_of"]

MATCHING_EXAMPLES, MATCHING_BATCH = 1000, 100


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseNetwork:
    """A dense network of an experiment at the end of its training.

    Attributes:
        weights: the state dict.
        iterations: steps done.
    """

    weights: Weights
    iterations: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedNetwork:
    """An entry that is ready to be trained.

    Attributes:
        fitted: the ticket that it is made from.
        start: what it begins with.
        before: iterations that its weights were trained for already, as a dense network.
    """

    fitted: Fitted
    start: Start
    before: int

    @property
    def architecture(self) -> Architecture:
        """The network."""
        return self.fitted.ticket.architecture


@dataclass(frozen=True, kw_only=True, eq=False)
class ExperimentNetworks:
    """Makes the networks of one experiment.

    Attributes:
        own: the target's own tickets, where there are any.
        data: in the shape that the network takes.
        dense: the trained dense network of a trial, from theta0 or from fresh weights, for controls
            that begin from it.
    """

    source: Source
    spec: ExperimentSpec
    request: Request
    own: Own | None
    data: Callable[[], DataSet]
    dense: Callable[[int, str], DenseNetwork]
    _orders: dict[int, dict[str, Tensor]] = field(default_factory=dict, init=False)

    def prepare(self, entry: MemberKey) -> PreparedNetwork:
        """Make one network.

        Raises:
            EvidenceError: the control cannot be had from this bundle.
            BundleError, NetworkError, PruningError: as their names say.
        """
        fitted = self._fitted(entry)
        seed = self.spec.control_seed(entry.control, entry.level, entry.trial, entry.draw)
        network, pretrained = self.spec.network, None
        if network.weights and asks(entry.control, "pretrained"):
            source = pretrained_start.StartWeights(
                dataclasses.replace(network, weights_head="fresh")
            )
            pretrained = source.weights(fitted.ticket.architecture, seed)
        if entry.control == DENSE_REINIT:
            # `reinit` keeps the mask of its ticket: under a full one it is the dense network from
            # fresh weights.
            whole = full_mask(outline(fitted.ticket.architecture).layers)
            ticket = dataclasses.replace(fitted.ticket, mask=whole)
            return PreparedNetwork(
                fitted=fitted, start=make_start("reinit", ticket, network, seed), before=0
            )
        base = self.dense(entry.trial, DENSE) if asks(entry.control, "trained") else None
        sources = StartSources(
            trained=base.weights if base else None,
            pretrained=pretrained,
            pruning=pruning_of(self._origin(entry)[0]),
            scores=lambda: self._scored(entry, fitted.ticket).scores(),
            rescored=lambda examples: self._scored(entry, fitted.ticket).rescored(examples),
            signed=self.spec.signed_seed(entry.trial),
            matched=lambda: self._matched(entry.trial, fitted.ticket),
        )
        start = make_start(entry.control, fitted.ticket, network, seed, sources)
        return PreparedNetwork(fitted=fitted, start=start, before=base.iterations if base else 0)

    def _matched(self, trial: int, ticket: TicketContent) -> Mask:
        """The ticket's mask at the units of the dense network from fresh weights."""
        structure = structure_of(ticket.architecture)
        if trial not in self._orders:
            self._orders[trial] = match_units(
                ticket.architecture,
                structure,
                self.dense(trial, DENSE).weights,
                self.dense(trial, DENSE_REINIT).weights,
                matching_batches(self.data(), self.spec.trial_seed(trial)),
            )
        return permuted_units(structure, ticket.mask, self._orders[trial])

    def _scored(self, entry: MemberKey, ticket: TicketContent) -> Theta0Scores:
        source, level = self._origin(entry)
        trial = source.origin(entry.trial)
        seed = next(each.seed for each in source.bundle.manifest.trials if each.index == trial)
        return Theta0Scores(
            ticket=ticket,
            spec=pruning_of(source),
            seed=seed or 0,
            level=level,
            data=self.data,
            training=self.spec.training,
        )

    def member(self, entry: MemberKey, lined: PreparedNetwork) -> Member:
        """The network as training takes it.

        All members of a trial have one stream of data orders; what trains on begins its second
        stretch with the next stream.
        """
        return Member(
            name=entry.full_name,
            seed=self.spec.trial_seed(entry.trial),
            level=1 if asks(entry.control, "trained") else 0,
            weights=lined.start.weights,
            mask=lined.start.mask,
        )

    def ticket_id(self, entry: MemberKey) -> str:
        """The ticket that an entry is made from; of a dense network its theta0."""
        if entry.control in {DENSE, DENSE_REINIT}:
            return self.spec.theta0[entry.trial % len(self.spec.theta0)]
        source, level = self._origin(entry)
        return source.ticket_id(level, entry.trial)

    def result(self, entry: MemberKey, lined: PreparedNetwork, trained: Trained | Result) -> Result:
        """What an entry came to; readings of an equal network are taken as they are."""
        curves, is_dense = trained.curves, entry.control in {DENSE, DENSE_REINIT}
        if isinstance(trained, Trained):
            curves = dataclasses.replace(curves, iterations=curves.iterations + lined.before)
        return Result(
            level=entry.level,
            control=entry.control,
            trial=entry.trial,
            draw=entry.draw,
            origin=self._origin(entry)[0].origin(entry.trial),
            ticket=self.ticket_id(entry),
            order_seed=self.spec.trial_seed(entry.trial),
            seed=lined.start.seed,
            kept=kept(lined.start.mask),
            prunable=sum(keep.numel() for keep in lined.start.mask.values()),
            transferred=1.0 if is_dense else lined.fitted.transferred_density,
            head=lined.fitted.policy,
            backend=trained.backend,
            curves=curves,
            start=lined.start.digest,
        )

    def _fitted(self, entry: MemberKey) -> Fitted:
        """The entry's ticket with a head for the data; the dense network takes any of its trial."""
        source, level = self._origin(entry)
        return fit(
            fit_size(source.ticket(level, entry.trial), self.data()),
            self.data().classes,
            # The target's own ticket was found on the target, whose classes its head has.
            "keep" if entry.control == OWN else self.spec.head,
            self.spec.network,
            # One seed for all networks of a trial: no difference between them is of their fresh
            # heads.
            self.spec.control_seed("head", 0, entry.trial),
        )

    def _origin(self, entry: MemberKey) -> tuple[Source, int]:
        if entry.control in {DENSE, DENSE_REINIT}:
            return self.source, self.request.levels[0]
        if entry.control != OWN:
            return self.source, entry.level
        if self.own is None:
            raise EvidenceError(
                "The control 'own' needs the target's own ticket.", "Name it with `--own ADDRESS`."
            )
        return self.own.source, self.own.levels[entry.level]


def matching_batches(data: DataSet, seed: int) -> Iterator[Tensor]:
    """Training examples drawn by a seed, normalized, on the CPU: `(examples, *input)` each."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "matching-examples"))
    order = torch.randperm(len(data.train), generator=generator)[:MATCHING_EXAMPLES]
    for places in order.split(MATCHING_BATCH):
        part = data.train.take(places.to(data.device))
        yield normalized(part.inputs, data).cpu()


def pruning_of(source: Source) -> PruningSpec:
    """How the search that found the tickets pruned; weights layer by layer where nobody knows."""
    return source.bundle.manifest.recipe.pruning or PruningSpec()
