"""Tickets of Ticket Hub whose weights a new search begins with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ticket_hub.bundle import Bundle, open_bundle
from ticket_hub.bundle.reference import kept_weights
from ticket_hub.bundle.tensors import chunks
from ticket_hub.durable import write_bytes
from ticket_hub.errors import NetworkError
from ticket_hub.hub.address import parse_address
from ticket_hub.hub.cache import Cache
from ticket_hub.hub.front import pull_bundle
from ticket_hub.hub.weights import TICKET, WeightsFile, kept_theta0
from ticket_hub.recipe import PruningSpec
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.locate import Place, resolve
from ticket_hub.search.ladder import parent_of

__all__ = ["TicketWeights", "open_ticket"]

WeightsOf: TypeAlias = Literal["initial", "trained"]


@dataclass(frozen=True, kw_only=True)
class TicketWeights:
    """The ticket that `ticket:PLACE[:LEVEL]` names: the first of its level.

    Attributes:
        bundle: on this machine.
        level: its index.
        source: the same name, with the commit where it is of a hub.
    """

    bundle: Bundle
    level: int
    source: str

    @property
    def normalization(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Mean and std of the data that it was found on; None where pixels are in [0, 1]."""
        data = self.bundle.manifest.data
        if data.mean is None or data.std is None or (set(data.mean), set(data.std)) == ({0}, {1}):
            return None
        return data.mean, data.std

    def file(self, of: WeightsOf) -> WeightsFile:
        """Its weights as a file of safetensors, named by its digest.

        Args:
            of: `initial` is its whole theta0, whatever its mask; `trained` is what its search came
                to at its level, where what the mask drops is 0.

        Raises:
            NetworkError: it has survivors only, or its run, which alone has trained weights, is
                not on this machine.
            BundleError, RunError: a file of it is damaged.
        """
        if not self.bundle.manifest.has_dense:
            raise NetworkError(
                f"{self.source} has the survivors of its theta0 only, and a search begins with "
                "all weights.",
                "Name a ticket of a bundle with dense theta0.",
            )
        if of == "initial":
            return kept_theta0(self.bundle, self.source)
        run = RunFolder(self.bundle.path.parent)
        header = run.read_header() if self.bundle.path == run.bundle else None
        theta0 = None if header is None else run.read_theta0()
        if header is None or theta0 is None or not run.has_level(self.level):
            raise NetworkError(
                f"{self.source} has no trained weights: a bundle has those that tickets start "
                "from, and only the run of its search what they came to.",
                "Name that run, or say network.weights_of = 'initial'.",
            )
        parent = parent_of(header.recipe.pruning or PruningSpec(), self.level)
        trial = self.bundle.manifest.default.trial
        data = b"".join(
            chunks(run.read_level(self.level, parent, theta0).trials[trial].trained.weights)
        )
        path = kept_weights(hashlib.sha256(data).hexdigest())
        write_bytes(path, data)
        return WeightsFile(path=path, source=self.source, sha256=path.stem)


def open_ticket(source: str, *, hub: str | Path | None = None) -> TicketWeights:
    """The ticket that a source names; what is not on this machine is pulled.

    Args:
        source: `ticket:PLACE[:LEVEL]`, where PLACE is what `ticket show` takes; without a level
            it is the best.
        hub: where to pull from; if it is given, nothing else is looked at.

    Raises:
        TicketNotFoundError: there is no such ticket.
        HubError, BundleError: as `ticket_hub.pull_bundle`.
    """
    text = source.removeprefix(TICKET)
    found = parse_address(text) if hub else resolve(text, cache=Cache())
    if isinstance(found, Place):
        folder, name = found.bundle, text.removesuffix(f":{found.level}")
        if found.pulled:
            name = f"{name.partition('@')[0]}@{folder.name}"
    else:
        pulled = pull_bundle(text, hub=hub)
        folder, name = pulled.folder, f"{pulled.repo}@{pulled.commit}"
    bundle = open_bundle(folder)
    level = bundle.level(found.level or "best").index
    return TicketWeights(bundle=bundle, level=level, source=f"{TICKET}{name}:{level}")
