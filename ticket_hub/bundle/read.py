"""Read a bundle from a stranger: nothing in it is believed before it was checked."""

from __future__ import annotations

import math
import os
from functools import cached_property
from pathlib import Path

from ticket_hub.bundle import config, encoding, layout, summary
from ticket_hub.bundle.citation import bundle_title
from ticket_hub.bundle.evidence_reader import EvidenceReader
from ticket_hub.bundle.files import BundleFolder, changed
from ticket_hub.bundle.ladder_table import ladder_table
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import DefaultTicket, EvidenceSummary, LevelRecord
from ticket_hub.bundle.spec import default_ticket, find_level
from ticket_hub.bundle.stand_in import HEAD_BYTES
from ticket_hub.bundle.tensor_reader import TensorReader, read_header
from ticket_hub.bundle.tensors import MAX_HEADER_BYTES
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.content_id import ticket_id
from ticket_hub.errors import BundleDigestError, BundleFormatError, TicketNotFoundError
from ticket_hub.evidence.counts import number_of
from ticket_hub.recipe.tables import to_table
from ticket_hub.showing import Shown, View

__all__ = ["Bundle", "bundle_folder", "open_bundle"]

_AGAIN = layout.AGAIN


def bundle_folder(place: str | os.PathLike[str]) -> Path:
    """The folder that a path is, and of a finished search that of its bundle."""
    return Path(getattr(place, "bundle", place))


def open_bundle(folder: str | os.PathLike[str]) -> Bundle:
    """Open the bundle in a folder: read and check its manifest and its `config.json`.

    Args:
        folder: of the bundle, or what `find` gave.

    Raises:
        BundleFormatError: there is none, or it breaks the format.
        BundleDigestError: `config.json` is not the file that the manifest describes.
    """
    folder = bundle_folder(folder)
    if not folder.is_dir():
        raise BundleFormatError(f"There is no folder {folder}.", "Give the folder of a bundle.")
    files = BundleFolder(folder)
    with files.open(layout.MANIFEST) as found:
        # Before it is read: its size is the first thing that a stranger chooses.
        if found.size > layout.MAX_MANIFEST_BYTES:
            raise BundleFormatError(f"{layout.MANIFEST} has more than 4 MiB.", _AGAIN)
        manifest = encoding.decode(found.at(0, found.size))
    trial = manifest.trials[0].index
    # The rule names one ticket; a manifest that names another would show a better one than it has.
    if not any(
        manifest.default == summary.choose(manifest.levels, trial, manifest.metric, untrained=each)
        for each in (False, True)
    ):
        raise BundleFormatError(
            f"The default ticket in {layout.MANIFEST} is not the one of its rule.", _AGAIN
        )
    record = manifest.files[layout.CONFIG]
    config.check(files.read(layout.CONFIG, record, layout.MAX_CONFIG_BYTES), manifest)
    return Bundle(files, manifest)


class Bundle(TensorReader, EvidenceReader, Shown):
    """An open bundle. Files are read when they are needed, and checked whenever they are read.

    Attributes:
        files: the folder.
        manifest: what is in it.
    """

    def __init__(self, files: BundleFolder, manifest: Manifest) -> None:
        self.files, self.manifest = files, manifest

    def _view(self) -> View:
        manifest, default = self.manifest, self.default
        return View(
            title=bundle_title(manifest),
            facts={
                "recipe": f"{manifest.recipe.name}, {number_of(len(manifest.trials), 'trial')}",
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
    def levels(self) -> tuple[LevelRecord, ...]:
        """Every level, dense first; those without tickets are here as evidence only."""
        return self.manifest.levels

    @cached_property
    def default(self) -> DefaultTicket:
        """The ticket that is meant where none is named: `best`.

        Raises:
            BundleError: a record of an experiment is damaged.
        """
        return default_ticket(self.manifest, self.experiments)

    def level(self, level: str | int = "best") -> LevelRecord:
        """The level that a number, a density (`d0.036`) or `best` names.

        Raises:
            TicketNotFoundError: there is none, or it is here as evidence only.
        """
        return find_level(self.manifest, level, self.experiments)

    def evidence(self, level: str | int = "best") -> EvidenceSummary | None:
        """What was measured at a level, or None."""
        for record in self.levels:
            if str(level) == str(record.index):
                return record.evidence
        return self.level(level).evidence

    def ticket(self, level: str | int = "best", trial: int | None = None) -> TicketContent:
        """One ticket, recomputed and compared: digests, counts, density, id.

        Args:
            level: see `level`.
            trial: which repetition; by default the first.

        Raises:
            TicketNotFoundError: there is no such level or trial.
            BundleError: a file breaks the format, or is not what the manifest says.
            NetworkError: the registry has no such network, or it cannot be built.
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
        table = to_table(self.manifest)
        own = {} if self.manifest.own is None else {"own": table["own"], "layers": table["layers"]}
        if self.manifest.reference is not None:
            own["reference"] = table["reference"]
        parts = ("recipe", "data", "environment", "bit_exact", "lineage", "trials", "plugins")
        ticket = TicketContent(
            architecture=self.architecture,
            mask=mask,
            theta0=theta0,
            trial=wanted,
            level=record.index,
            start=next(each.start for each in self.manifest.trials if each.index == wanted),
            dense=self.manifest.has_dense,
            signs=self.manifest.theta0 == "signs",
            provenance={
                "bundle": self.manifest.id,
                "ticket": claim.id,
                "evidence": None if record.evidence is None else to_table(record.evidence),
                "verdict": record.verdict,
                **{part: table[part] for part in parts},
                **own,
            },
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

    def digest(self, name: str) -> None:
        """Compare a file with the manifest, reading it in pieces.

        Tensors that cannot be of this network are refused before they are read.

        Raises:
            BundleError: the file breaks the format, or is not what the manifest says.
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
