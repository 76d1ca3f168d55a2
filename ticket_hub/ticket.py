"""The facade of a ticket: load it, save it, share it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ticket_hub.bundle import open_bundle
from ticket_hub.bundle.single import save_ticket
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.errors import EvidenceError
from ticket_hub.hub import Cache, connect, pull, push
from ticket_hub.hub.address import PlaceLike, named_place
from ticket_hub.runs.locate import Place, locate, resolve
from ticket_hub.transfer.head import fit
from ticket_hub.transfer.sharing import name_card

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Ticket"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Ticket(TicketContent):
    """A sparse network ready to train, from a bundle on this machine or from a hub.

    Attributes:
        architecture: the network.
        mask: prunable name -> bool tensor; True is kept.
        theta0: the state dict that survivors start from.
        trial: which repetition of the search.
        level: which pruning round; 0 is dense.
        start: the iteration that theta0 is of; 0 is the initialization.
        dense: whether theta0 is complete. A bundle that stores survivors only gives 0 for the
            rest, so that shuffled and dense controls cannot be had from it.
        signs: whether theta0 is -1, 0 and 1, of prunable layers only; see `signed`.
        provenance: where it comes from: bundle, recipe, data, environment, evidence.
        folder: of the bundle that it was read from, on this machine.
    """

    folder: Path | None = None

    @classmethod
    def load(
        cls, place: PlaceLike, *, level: str | int | None = None, trial: int | None = None
    ) -> Ticket:
        """Read a ticket that is on this machine; everything that is read is checked.

        Args:
            place: what `ticket show` takes: the folder of a bundle or of a run, the name of a run
                or a recipe, or `owner/name[@revision]` of what was pulled; each with `[:level]`.
            level: a number, a density such as `d0.036`, or `best`: the sparsest level whose
                evidence says winning or matching (see `DefaultTicket` for bundles without). It
                goes before a level in the address; without any it is `best`.
            trial: which repetition; by default the bundle's first.

        Raises:
            TicketNotFoundError: there is no such place, level or trial.
            BundleError: the bundle breaks its format, or a file is not what the manifest says.
            NetworkError: its network is not one of the registry.
        """
        found = locate(named_place(place), cache=Cache())
        wanted = (found.level or "best") if level is None else level
        content = open_bundle(found.bundle).ticket(level=wanted, trial=trial)
        values = {each.name: getattr(content, each.name) for each in fields(content)}
        return cls(**values, folder=found.bundle)

    @classmethod
    def from_pretrained(
        cls,
        id_or_dir: PlaceLike,
        *,
        revision: str | None = None,
        token: str | None = None,
        hub: str | Path | None = None,
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        level: str | int | None = None,
        trial: int | None = None,
    ) -> Ticket:
        """Read a ticket from a hub or from this machine; everything that is read is checked.

        Args:
            id_or_dir: as in `load`; what is no place on this machine is asked of the hub.
            revision: branch, tag or commit; may stand in the address instead.
            token: None is `HF_TOKEN`, or what `hf auth login` kept.
            hub: a folder, or the address of a server; None is `HF_ENDPOINT`, or the public Hub.
            cache_dir: None is `cache` under `TICKET_HOME`.
            force_download: fetch again what is here already.
            local_files_only: never ask the hub.
            level: as in `load`; may stand in the address instead.
            trial: which repetition; by default the bundle's first.

        Raises:
            HubError: the hub has no such ticket, refuses, or does not answer.
            BundleError, NetworkError, TicketNotFoundError: as `load`.
        """
        found = resolve(named_place(id_or_dir))
        wanted = level if level is not None else found.level or "best"
        if isinstance(found, Place):
            return cls.load(found.bundle, level=wanted, trial=trial)
        pulled = pull(
            connect(hub, token=token),
            str(found.repo),
            revision=revision or found.revision,
            level=wanted,
            trial=trial,
            cache=Cache(Path(cache_dir)) if cache_dir else None,
            local_files_only=local_files_only,
            force_download=force_download,
        )
        return cls.load(pulled.folder, level=pulled.levels[0], trial=trial)

    def with_classes(self, classes: int, *, seed: int = 0) -> Ticket:
        """The ticket for data with another number of classes, with a fresh output layer.

        No weight of that layer is masked, as in `ticket retrain --head reset`. What the ticket's
        search says holds for the other classes, so that the result has no provenance.

        Args:
            seed: of the fresh values, which are drawn as in the search.

        Raises:
            NetworkError: the network is not registered here, has no layer of kind `output`, or
                other layers depend on the number of classes; or there are signs alone.
        """
        self.demand_values()
        fitted = cast("Ticket", fit(self, classes, "reset", self.network, seed).ticket)
        return replace(fitted, provenance={}, folder=None)

    def summary(self) -> str:
        """Every prunable layer with its shape, weights, and how many of them are kept."""
        return self.layers().markdown()

    def plot_mask(self) -> Figure:
        """Draw which weights are kept, layer by layer, and how many of each input of the first."""
        from ticket_hub.report.mask_figure import mask_figure  # slow: matplotlib

        return mask_figure(self)

    def plot_ladder(self) -> Figure:
        """Draw the ladder that it was found on: accuracy and early stop against density.

        Raises:
            EvidenceError: it was not read from a bundle, or nothing was measured in that.
        """
        from ticket_hub.comparison.bundles import subject
        from ticket_hub.report.figures import ladder_figure

        if self.folder is None:
            raise EvidenceError(
                "This ticket was not read from a bundle, so its ladder is not known.",
                "Load it with `Ticket.load` or `Ticket.from_pretrained`.",
            )
        return ladder_figure(subject(open_bundle(self.folder)).ladder)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a bundle with this ticket alone; the evidence stays with the bundle it came from.

        Raises:
            BundleFormatError: the ticket does not say how it was found.
            StorageError: the disk is full, or the folder may not be written.
        """
        save_ticket(self, Path(folder))

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        license: str | None = None,  # noqa: A002 - what cards and hubs call it
        token: str | None = None,
        hub: str | Path | None = None,
        commit_message: str | None = None,
        create_pr: bool = False,
    ) -> str:
        """Share this ticket alone; `ticket_hub.push_bundle` shares a search with its evidence.

        Args:
            license: that others may use it under, an SPDX identifier.

        Returns:
            The commit.

        Raises:
            BundleFormatError: as `save_pretrained`.
            HubError: the hub refuses, does not answer, or somebody else pushed in between.
        """
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            name_card(Path(folder), repo_id, license)
            return push(
                connect(hub, token=token),
                Path(folder),
                repo_id,
                message=commit_message,
                private=private,
                create_pr=create_pr,
            ).commit
