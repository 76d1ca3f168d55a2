"""The files of an open bundle that are evidence: records, curves, costs, and the figure."""

from __future__ import annotations

from collections.abc import Iterator

from ticket_hub.bundle import figure, layout
from ticket_hub.bundle.cost_record import CostRecord, decode_costs
from ticket_hub.bundle.experiment_record import ExperimentRecord
from ticket_hub.bundle.files import BundleFolder
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.metrics import CurveRecord, parse_lines
from ticket_hub.bundle.record_reading import record_in
from ticket_hub.bundle.reproduction_reading import reproduction_in
from ticket_hub.bundle.reproduction_record import ReproductionRecord, by_number

__all__ = ["EvidenceReader"]


class EvidenceReader:
    """Reads what was measured with the tickets of a bundle; every file is checked when it is read.

    Attributes:
        files: the folder.
        manifest: what is in it.
    """

    files: BundleFolder
    manifest: Manifest

    def figure(self) -> bytes | None:
        """The figure of the card, `ladder.svg`, or None where there is none.

        Raises:
            BundleError: a file is not what the manifest says, or it is more than lines and shapes.
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
            BundleError: a file is not what the manifest says, or a record is none or is about
                another bundle.
        """
        return tuple(map(self.experiment, self.manifest.experiments))

    def experiment(self, name: str) -> ExperimentRecord:
        """The record of an experiment in one file.

        Raises:
            BundleError: the file is not what the manifest says, is no record, or is about another
                bundle.
        """
        record = self.manifest.files[name]
        data = self.files.read(name, record, layout.MAX_EVIDENCE_BYTES)
        return record_in(self.manifest, data, name)

    def costs(self) -> tuple[CostRecord, ...]:
        """What its tickets were measured to cost, by level, trial and time.

        Raises:
            BundleError: the file is not what the manifest says, or a record is none or is of
                another bundle's ticket.
        """
        record = self.manifest.files.get(layout.COSTS)
        if record is None:
            return ()
        data = self.files.read(layout.COSTS, record, layout.MAX_BYTES[layout.COSTS])
        return decode_costs(data, self.manifest)

    def reproductions(self) -> tuple[ReproductionRecord, ...]:
        """The records of claims that were tried with its tickets, by the numbers of the claims.

        Raises:
            BundleError: a file is not what the manifest says, or a record is none or is about
                another bundle.
        """
        return by_number(map(self.reproduction, self.manifest.reproductions))

    def reproduction(self, name: str) -> ReproductionRecord:
        """The record of a tried claim in one file.

        Raises:
            BundleError: the file is not what the manifest says, is no record, or is about another
                bundle.
        """
        record = self.manifest.files[name]
        data = self.files.read(name, record, layout.MAX_EVIDENCE_BYTES)
        return reproduction_in(self.manifest, data, name)

    def curves(self) -> Iterator[CurveRecord]:
        """Every curve, read in pieces; the file's digest is known to be right after the last.

        Raises:
            BundleError: the file breaks the format, or is not what the manifest says.
        """
        record = self.manifest.files[layout.METRICS]
        with self.files.open(layout.METRICS, record) as found:
            yield from parse_lines(found.lines(record))
