"""Read a bundle from a stranger: nothing in it is believed before it was checked."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ticket_hub.bundle import config, encoding, figure, layout, summary
from ticket_hub.bundle.citation import bundle_title
from ticket_hub.bundle.cost_record import CostRecord, decode_costs
from ticket_hub.bundle.experiment_record import ExperimentRecord
from ticket_hub.bundle.files import BundleFolder, OpenFile, changed
from ticket_hub.bundle.ladder_table import ladder_table
from ticket_hub.bundle.manifest import EvidenceSummary, LevelRecord, Manifest, TicketRecord
from ticket_hub.bundle.metrics import CurveRecord, parse_lines
from ticket_hub.bundle.network import Signature, demand_equal, prunable_of, signature
from ticket_hub.bundle.packing import packed_size, unpack
from ticket_hub.bundle.plugin_records import NETWORK, plugin_notes, remedy_for
from ticket_hub.bundle.record_reading import record_in
from ticket_hub.bundle.reference import source_tensors
from ticket_hub.bundle.reproduction_record import ReproductionRecord, reproduction_in
from ticket_hub.bundle.spec import find_level
from ticket_hub.bundle.stand_in import HEAD_BYTES
from ticket_hub.bundle.tensors import MAX_HEADER_BYTES, header_size, parse_header, tensor_at
from ticket_hub.bundle.theta0 import (
    Shapes,
    expand,
    refuse_nonfinite,
    sign_bits_shapes,
    signs_from_bits,
    survivors_shapes,
)
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.content_id import count_kept, ticket_id
from ticket_hub.errors import (
    BundleDigestError,
    BundleFormatError,
    NetworkError,
    TicketNotFoundError,
)
from ticket_hub.networks import is_registered
from ticket_hub.recipe.own import is_own
from ticket_hub.recipe.tables import to_table
from ticket_hub.showing import Shown, View
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["Bundle", "open_bundle", "read_header"]

_log = logging.getLogger("ticket_hub")

_AGAIN = layout.AGAIN


def open_bundle(folder: Path) -> Bundle:
    """Open the bundle in a folder: read and check its manifest and its `config.json`.

    Raises:
        BundleFormatError: there is none, or it breaks the format.
        BundleDigestError: `config.json` is not the file that the manifest describes.
    """
    if not Path(folder).is_dir():
        raise BundleFormatError(f"There is no folder {folder}.", "Give the folder of a bundle.")
    files = BundleFolder(Path(folder))
    with files.open(layout.MANIFEST) as found:
        # Before it is read: its size is the first thing that a stranger chooses.
        if found.size > layout.MAX_MANIFEST_BYTES:
            raise BundleFormatError(f"{layout.MANIFEST} has more than 4 MiB.", _AGAIN)
        manifest = encoding.decode(found.at(0, found.size))
    trial = manifest.trials[0].index
    # The rule names one ticket; a manifest that names another would show a better one than it has.
    if manifest.default != summary.choose(manifest.levels, trial, manifest.metric):
        raise BundleFormatError(
            f"The default ticket in {layout.MANIFEST} is not the one of its rule.", _AGAIN
        )
    record = manifest.files[layout.CONFIG]
    config.check(files.read(layout.CONFIG, record, layout.MAX_CONFIG_BYTES), manifest)
    return Bundle(files, manifest)


class Bundle(Shown):
    """An open bundle. Files are read when they are needed, and checked whenever they are read.

    Attributes:
        manifest: what is in it.
    """

    def __init__(self, files: BundleFolder, manifest: Manifest) -> None:
        self.files, self.manifest = files, manifest

    def _view(self) -> View:
        manifest, default = self.manifest, self.manifest.default
        return View(
            title=bundle_title(manifest),
            facts={
                "recipe": f"{manifest.recipe.name}, {len(manifest.trials)} trials",
                "default": f"level {default.level} of trial {default.trial} ({default.rule})",
                "experiments": len(manifest.experiments),
                "id": manifest.id,
            },
            table=ladder_table(manifest.levels, manifest.metric),
            code=f"ticket = ticket_hub.Ticket.load({str(self.path)!r})",
        )

    @property
    def path(self) -> Path:
        """The folder."""
        return self.files.path

    @property
    def architecture(self) -> Architecture:
        """The network."""
        return self.manifest.architecture.architecture()

    @property
    def levels(self) -> tuple[LevelRecord, ...]:
        """Every level, dense first; those without tickets are here as evidence only."""
        return self.manifest.levels

    def level(self, level: str | int = "best") -> LevelRecord:
        """The level that a number, a density (`d0.036`) or `best` names.

        Raises:
            TicketNotFoundError: there is none, or it is here as evidence only.
        """
        return find_level(self.manifest, level)

    def evidence(self, level: str | int = "best") -> EvidenceSummary | None:
        """What was measured at a level, or None."""
        for record in self.levels:
            if str(level) == str(record.index):
                return record.evidence
        return self.level(level).evidence

    @cached_property
    def network(self) -> Signature:
        """What the network's tensors must be.

        Raises:
            NetworkError: the registry has no such network, or it cannot be built.
            BundleFormatError: the manifest's layers are not those of the network.
        """
        if is_own(self.architecture.name):
            return self.declared
        name, plugins = self.manifest.architecture.name, self.manifest.plugins
        if (remedy := remedy_for(plugins, NETWORK, name)) and not is_registered(name):
            raise NetworkError(f"The network {name!r} is not registered here.", remedy)
        found = signature(self.architecture)
        demand_equal(found, self.manifest)
        self.warn_of_other_plugins()
        return found

    def warn_of_other_plugins(self) -> None:
        """Log, once for each folder, how the plugins that are here differ from its author's."""
        for note in plugin_notes(self.manifest.plugins):
            _warn_once(self.path, note)

    @cached_property
    def declared(self) -> Signature:
        """The layers that the manifest lists, and the tensors of the first trial's theta0.

        Raises:
            BundleError: a layer has no tensor, or one of another shape.
        """
        name = layout.theta0_file(self.manifest.trials[0].index)
        with self.files.open(name, self.manifest.files[name]) as found:
            _, entries = read_header(found)
        tensors = {key: (entry.dtype, tuple(entry.shape)) for key, entry in entries.items()}
        tensors |= {key: (value.dtype, tuple(value.shape)) for key, value in self.source.items()}
        if self.manifest.theta0 == "signs":
            tensors = {layer.name: (torch.float32, layer.shape) for layer in self.manifest.layers}
        for layer in self.manifest.layers:
            dtype, shape = tensors.get(layer.name, (None, ()))
            survivors = self.manifest.theta0 == "survivors" and len(shape) == 1
            # Survivors have one axis, whose length only the mask can tell; it is compared when they
            # are read.
            if dtype is None or not (survivors or shape == layer.shape):
                raise BundleFormatError(
                    f"The tensors in {name} are not those of the layers in {layout.MANIFEST}.",
                    _AGAIN,
                )
            tensors[layer.name] = (dtype, layer.shape)
        return Signature(tensors=tensors, layers=prunable_of(self.manifest))

    def ticket(self, level: str | int = "best", trial: int | None = None) -> TicketContent:
        """One ticket, recomputed and compared: digests, counts, density, id.

        Args:
            level: see `level`.
            trial: which repetition; by default the first.

        Raises:
            TicketNotFoundError: there is no such level or trial.
            BundleError: a file breaks the format, or is not what the manifest says.
            NetworkError: as `network`.
        """
        record = self.level(level)
        trials = [each.index for each in self.manifest.trials]
        wanted = self.manifest.default.trial if trial is None else trial
        if wanted not in trials:
            raise TicketNotFoundError(
                f"There is no trial {wanted}.", f"It has {', '.join(map(str, trials))}."
            )
        claim = next(each for each in record.tickets if each.trial == wanted)
        mask = self.mask(record.index, wanted)
        theta0, known = self._theta0(wanted, mask if record.index == self._densest else None)
        ticket = TicketContent(
            architecture=self.architecture,
            mask=mask,
            theta0=theta0,
            trial=wanted,
            level=record.index,
            start=next(each.start for each in self.manifest.trials if each.index == wanted),
            dense=self.manifest.has_dense,
            signs=self.manifest.theta0 == "signs",
            provenance=self._provenance(record, claim),
        )
        # The last check, of all that was read together: files may each be right and belong to two
        # tickets.
        if ticket_id(ticket.architecture, theta0, mask, known) != claim.id:
            raise BundleDigestError(
                f"The ticket of level {record.index} and trial {wanted} has another id than "
                f"{layout.MANIFEST} says.",
                _AGAIN,
            )
        return ticket

    def mask(self, level: int, trial: int) -> dict[str, Tensor]:
        """The mask of one ticket, bool `(*layer)` each, its counts compared with the manifest.

        Raises:
            BundleError: as `ticket`.
        """
        shapes = {layer.name: layer.shape for layer in self.network.layers}
        expected: Shapes = {
            name: (torch.uint8, (packed_size(shape),)) for name, shape in shapes.items()
        }
        name = layout.mask_file(trial, level)
        packed = self._tensors(name, expected)
        # Shapes come from the network, never from the file, which a stranger wrote.
        mask = {layer: unpack(packed[layer], shapes[layer], name) for layer in shapes}
        record = self.manifest.level(level)
        claims = [each for each in (record.tickets if record else ()) if each.trial == trial]
        if [tuple(map(count_kept, mask.values()))] != [each.kept for each in claims]:
            raise BundleFormatError(f"{name} keeps other numbers than its manifest says.", _AGAIN)
        return mask

    def theta0(self, trial: int) -> dict[str, Tensor]:
        """A trial's whole starting state dict; 0 where a survivors bundle stores nothing.

        Of a bundle of signs -1, 0 and 1, and prunable layers only.

        Raises:
            BundleError: as `ticket`.
        """
        return self._theta0(trial, None)[0]

    @property
    def _densest(self) -> int | None:
        return self.manifest.theta0_level

    def _theta0(
        self, trial: int, mask: Mask | None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
        """Starting weights; beside them the survivors as stored, given the densest level's mask."""
        name = layout.theta0_file(trial)
        if self._densest is None:
            tensors = self.network.tensors
            stored = self._tensors(name, {k: tensors[k] for k in tensors if k not in self.source})
            # Copies: the source is kept for other trials, and theta0 is the caller's to change.
            stored |= {key: value.clone() for key, value in self.source.items()}
            refuse_nonfinite(stored, name)
            return {key: stored[key] for key in tensors}, None
        outer = self.mask(self._densest, trial) if mask is None else mask
        if self.manifest.theta0 == "signs":
            bits = self._tensors(name, sign_bits_shapes(outer))
            stored = signs_from_bits(bits, self.network, outer, name)
            return expand(stored, outer), None if mask is None else stored
        stored = self._tensors(name, survivors_shapes(self.network, outer))
        refuse_nonfinite(stored, name)
        return expand(stored, outer), None if mask is None else stored

    @cached_property
    def source(self) -> Weights:
        """What theta0 has of the pretrained weights that it refers to; nothing without a reference.

        The file is fetched where it is not on this machine.

        Raises:
            SourceMissingError: it cannot be had.
            BundleDigestError: it has other bytes, or is of another network.
        """
        reference = self.manifest.reference
        if reference is None:
            return {}
        return source_tensors(
            reference, {layer.name: layer.shape for layer in self.manifest.layers}
        )

    def model(self) -> dict[str, Tensor] | None:
        """The state dict in `model.safetensors`, or None where it was not written.

        Raises:
            BundleError: as `ticket`.
        """
        if layout.MODEL not in self.manifest.files:
            return None
        return self._tensors(layout.MODEL, self.network.tensors)

    def figure(self) -> bytes | None:
        """The figure of the card, `ladder.svg`, or None where there is none.

        Raises:
            BundleError: as `ticket`, or it is more than lines and shapes.
        """
        record = self.manifest.files.get(layout.FIGURE)
        if record is None:
            return None
        data = bytes(self.files.read(layout.FIGURE, record, layout.MAX_BYTES[layout.FIGURE]))
        figure.check(data)
        return data

    def experiments(self) -> tuple[ExperimentRecord, ...]:
        """The records of experiments that were made with its tickets, in the order of their files.

        Raises:
            BundleError: as `ticket`, or a record is none, or is about another bundle.
        """
        return tuple(map(self.experiment, self.manifest.experiments))

    def experiment(self, name: str) -> ExperimentRecord:
        """The record in one file; raises as `experiments`."""
        record = self.manifest.files[name]
        data = self.files.read(name, record, layout.MAX_EVIDENCE_BYTES)
        return record_in(self.manifest, data, name)

    def costs(self) -> tuple[CostRecord, ...]:
        """What its tickets were measured to cost, by level, trial and time.

        Raises:
            BundleError: as `ticket`, or a record is none, or is of another bundle's ticket.
        """
        record = self.manifest.files.get(layout.COSTS)
        if record is None:
            return ()
        data = self.files.read(layout.COSTS, record, layout.MAX_BYTES[layout.COSTS])
        return decode_costs(data, self.manifest)

    def reproductions(self) -> tuple[ReproductionRecord, ...]:
        """The records of claims that were tried with its tickets, in the order of their files.

        Raises:
            BundleError: as `ticket`, or a record is none, or is about another bundle.
        """
        return tuple(map(self.reproduction, self.manifest.reproductions))

    def reproduction(self, name: str) -> ReproductionRecord:
        """The record in one file; raises as `reproductions`."""
        record = self.manifest.files[name]
        data = self.files.read(name, record, layout.MAX_EVIDENCE_BYTES)
        return reproduction_in(self.manifest, data, name)

    def digest(self, name: str) -> None:
        """Compare a file with the manifest, reading it in pieces.

        Tensors that cannot be of this network are refused before they are read.

        Raises:
            BundleError: as `ticket`.
        """
        record = self.manifest.files[name]
        with self.files.open(name, record) as found:
            if name.endswith(".safetensors"):
                # A header can be refused after a few bytes; a file of a terabyte need not be hashed
                # first.
                read_header(found)
                dense = sum(
                    math.prod(shape) * dtype.itemsize
                    for dtype, shape in self.network.tensors.values()
                )
                if found.size > dense + 8 + MAX_HEADER_BYTES:
                    raise BundleFormatError(f"{name} is larger than the network.", _AGAIN)
            if found.digest() != record.sha256:
                raise changed(name, found.at(0, HEAD_BYTES))

    def curves(self) -> Iterator[CurveRecord]:
        """Every curve, read in pieces; the file's digest is known to be right after the last.

        Raises:
            BundleError: as `ticket`.
        """
        record = self.manifest.files[layout.METRICS]
        with self.files.open(layout.METRICS, record) as found:
            yield from parse_lines(found.lines(record))

    def _tensors(self, name: str, expected: Shapes) -> dict[str, Tensor]:
        """The tensors of a file, which must have exactly these names, dtypes and shapes."""
        record = self.manifest.files[name]
        with self.files.open(name, record) as found:
            size, entries = read_header(found)
            if {key: (each.dtype, each.shape) for key, each in entries.items()} != expected:
                raise BundleFormatError(
                    f"The tensors in {name} are not those of {self.architecture.name!r}.",
                    _AGAIN,
                )
            data = found.read(record)
        return {key: tensor_at(data, 8 + size, entries[key]) for key in expected}

    def _provenance(self, record: LevelRecord, claim: TicketRecord) -> dict[str, Any]:
        table = to_table(self.manifest)
        own = {} if self.manifest.own is None else {"own": table["own"], "layers": table["layers"]}
        if self.manifest.reference is not None:
            own["reference"] = table["reference"]
        parts = ("recipe", "data", "environment", "bit_exact", "lineage", "trials", "plugins")
        return {
            "bundle": self.manifest.id,
            "ticket": claim.id,
            "evidence": None if record.evidence is None else to_table(record.evidence),
            "verdict": record.verdict,
            **{part: table[part] for part in parts},
            **own,
        }


# Once for each folder, however often its tickets are opened.
@functools.lru_cache(maxsize=1024)
def _warn_once(_place: Path, note: str) -> None:
    _log.warning(note)


def read_header(found: OpenFile) -> tuple[int, dict[str, Any]]:
    """Size and entries of a file of tensors.

    Raises:
        BundleFormatError: it breaks the rules of its header.
    """
    size = header_size(found.at(0, 8), found.name)
    return size, parse_header(found.at(8, size), found.size - 8 - size, found.name)
