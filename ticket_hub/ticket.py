"""A ticket: a sparse network ready to train."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ticket_hub.durable import canonical_json
from ticket_hub.recipe.tables import to_table
from ticket_hub.types import Architecture, Mask, Weights

__all__ = [
    "Ticket",
    "content_digest",
    "count_kept",
    "positions_of",
    "survivors_of",
    "ticket_id",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ticket:
    """A sparse network ready to train: which weights to keep, and the values they start from.

    Attributes:
        architecture: the network.
        mask: prunable name -> bool tensor; True is kept.
        theta0: the state dict that survivors start from.
        trial: which repetition of the search.
        level: which pruning round; 0 is dense.
        start: the iteration that theta0 is of; 0 is the initialization.
        dense: whether theta0 is complete. A bundle that stores survivors only gives 0 for the
            rest, so that shuffled and dense controls cannot be had from it.
        provenance: where it comes from: bundle, recipe, data, environment, evidence.
    """

    architecture: Architecture
    mask: Mask
    theta0: Weights
    trial: int = 0
    level: int = 0
    start: int = 0
    dense: bool = True
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(
        cls, place: str | Path, *, level: str | int | None = None, trial: int | None = None
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
        from ticket_hub.bundle import open_bundle
        from ticket_hub.hub.cache import Cache
        from ticket_hub.search.locate import locate

        found = locate(str(place), cache=Cache())
        wanted = (found.level or "best") if level is None else level
        return open_bundle(found.bundle).ticket(level=wanted, trial=trial)

    @classmethod
    def from_pretrained(
        cls,
        id_or_dir: str | Path,
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
        from ticket_hub.hub import Cache, connect, pull
        from ticket_hub.search.locate import Place, resolve

        found = resolve(str(id_or_dir))
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

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a bundle with this ticket alone; the evidence stays with the bundle it came from.

        Raises:
            BundleFormatError: the ticket does not say how it was found.
            StorageError: the disk is full, or the folder may not be written.
        """
        from ticket_hub.bundle.single import save_ticket

        save_ticket(self, Path(folder))

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | None = None,
        hub: str | Path | None = None,
        commit_message: str | None = None,
        create_pr: bool = False,
    ) -> str:
        """Share this ticket alone; `ticket_hub.push_bundle` shares a search with its evidence.

        Returns:
            The commit.

        Raises:
            BundleFormatError: as `save_pretrained`.
            HubError: the hub refuses, does not answer, or somebody else pushed in between.
        """
        from ticket_hub.hub import connect, push

        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return push(
                connect(hub, token=token),
                Path(folder),
                repo_id,
                message=commit_message,
                private=private,
                create_pr=create_pr,
            ).commit

    def build(self, *, mask: bool = True) -> nn.Module:
        """The network with theta0 * mask, on torch's default device, ready for any training loop.

        Its mask is kept at 0 through gradients, optimizer steps, copies and loaded weights;
        `ticket_hub.pruning.mask_handle(module)` gives the handle, whose `remove` lets go.

        Args:
            mask: False gives the plain module. Its weights are theta0 * mask all the same, but
                nothing keeps them there while it is trained.

        Raises:
            NetworkError: the network is not registered here, or cannot be built.
            MaskMismatchError: mask or theta0 are not of the network.
        """
        from ticket_hub.networks import build
        from ticket_hub.pruning.keeping import load_masked, load_weights

        module = build(self.architecture)
        load = load_masked if mask else load_weights
        load(module, self.theta0, self.mask)
        return module

    @property
    def density(self) -> float:
        """Kept weights over prunable weights."""
        kept = sum(map(count_kept, self.mask.values()))
        return kept / sum(keep.numel() for keep in self.mask.values())

    @cached_property
    def id(self) -> str:
        """The sha256 of the content; see `ticket_id`."""
        return ticket_id(self.architecture, self.theta0, self.mask)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "id"}


def ticket_id(
    architecture: Architecture, theta0: Weights, mask: Mask, survivors: Weights | None = None
) -> str:
    """The sha256 of what a ticket is: the network, its mask, and the values of the survivors.

    Weights that the mask drops have no part in it, so a ticket has the same id whether the whole
    of theta0 is at hand or only the survivors. Hashed, in the order of the names: name, dtype and
    shape, and for a masked layer the packed mask and the surviving values, for any other tensor
    all values.

    Args:
        survivors: of the masked layers, `(kept,)` each, where they are at hand already.
    """
    digest = hashlib.sha256(canonical_json(to_table(architecture)))
    for name in sorted(theta0):
        value, keep = theta0[name].detach().cpu(), mask.get(name)
        digest.update(canonical_json([name, str(value.dtype), list(value.shape), keep is not None]))
        if keep is not None:
            keep = keep.cpu()
            digest.update(np.packbits(keep.reshape(-1).numpy(), bitorder="little").data)
            value = survivors_of(value, keep) if survivors is None else survivors[name]
        _update(digest, value)
    return digest.hexdigest()


def count_kept(keep: Tensor) -> int:
    """Number of weights that a mask keeps in one layer."""
    return int(np.count_nonzero(keep.detach().cpu().numpy()))


def survivors_of(value: Tensor, keep: Tensor) -> Tensor:
    """The values that a mask keeps, in their order: `(kept,)`, on the CPU.

    By positions, which takes a tenth of the time of `masked_select`.
    """
    flat = value.detach().cpu().reshape(-1)
    return flat.index_select(0, positions_of(keep))


def positions_of(keep: Tensor) -> Tensor:
    """Where a mask keeps, counted through the flattened layer: int64 `(kept,)`."""
    return torch.from_numpy(np.flatnonzero(keep.detach().cpu().numpy()))


def content_digest(tensors: Mapping[str, Tensor]) -> str:
    """The sha256 over names, dtypes, shapes and bytes in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu()
        digest.update(canonical_json([name, str(value.dtype), list(value.shape)]))
        _update(digest, value)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, value: Tensor) -> None:
    if value.numel():
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
