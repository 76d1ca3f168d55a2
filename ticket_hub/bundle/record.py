"""Write masks and make the records of levels, one mask in memory at a time."""

from __future__ import annotations

from ticket_hub.bundle import layout, summary, tensors
from ticket_hub.bundle.assemble import complete, curve_records
from ticket_hub.bundle.content import BundleContent, LevelContent, TrialContent
from ticket_hub.bundle.manifest_records import LevelRecord, NetworkRecord, TicketRecord
from ticket_hub.bundle.network import Signature
from ticket_hub.bundle.packing import pack
from ticket_hub.bundle.store import Store
from ticket_hub.content_id import count_kept, ticket_id
from ticket_hub.errors import BundleFormatError
from ticket_hub.evidence.rule import Rule
from ticket_hub.recipe.experiment_spec import TICKET
from ticket_hub.recipe.own import ACCURACY
from ticket_hub.types import Mask

__all__ = ["Recorder"]


class Recorder:
    """Writes the masks of a bundle and makes the records of its levels, one mask at a time.

    Args:
        densest: the level whose survivors are stored, or None for a dense theta0.

    Attributes:
        family: how many comparisons the verdicts are corrected for together; 0 without any.
    """

    def __init__(
        self, store: Store, content: BundleContent, network: Signature, densest: LevelContent | None
    ) -> None:
        self._store, self._content, self._network = store, content, network
        self._densest = densest
        curves = curve_records(content)
        metric = ACCURACY if content.own is None else content.own.metric
        trials = [trial.index for trial in content.trials]
        self._outcomes = summary.outcomes(curves, trials, metric)
        judged = summary.verdicts(self._outcomes, Rule.of(metric))
        self._words = {level: each.word for level, each in judged.items()}
        self.family = summary.family_of(judged)
        self._sizes = [layer.size for layer in network.layers]

    def record(self, level: LevelContent) -> LevelRecord:
        """The record of a level, its masks written.

        Raises:
            MaskMismatchError: a mask is not of the network.
            BundleFormatError: with survivors, the level keeps what was not stored.
        """
        here = self._densest is None or level.index >= self._densest.index
        tickets, kept = [], 0
        for place, trial in enumerate(self._content.trials):
            mask = complete(level.masks[place], self._network)
            counts = tuple(map(count_kept, mask.values()))
            kept += sum(counts)
            if here:
                self._check_nested(level, place, mask)
                tickets.append(self._ticket(trial, level.index, mask, counts))
        return LevelRecord(
            index=level.index,
            density=kept / (len(self._content.trials) * sum(self._sizes)),
            tickets=tuple(tickets),
            evidence=summary.measured(self._outcomes.get((level.index, TICKET)), level.backends),
            verdict=self._words.get(level.index),
        )

    def _ticket(
        self, trial: TrialContent, level: int, mask: Mask, counts: tuple[int, ...]
    ) -> TicketRecord:
        bits = {name: pack(keep) for name, keep in mask.items()}
        self._store.put(layout.mask_file(trial.index, level), tensors.chunks(bits))
        known = self._known(trial.index, level)
        if known is not None:
            return known
        found = ticket_id(self._content.architecture, trial.theta0, mask)
        return TicketRecord(trial=trial.index, id=found, kept=counts)

    def _known(self, trial: int, level: int) -> TicketRecord | None:
        """The record from the manifest before, if neither theta0 nor the mask has changed."""
        old, store = self._store.old, self._store
        needed = (layout.theta0_file(trial), layout.mask_file(trial, level))
        if old is None or old.architecture != NetworkRecord.of(self._content.architecture):
            return None
        record = old.level(level)
        if record is None or any(old.files.get(name) != store.files[name] for name in needed):
            return None
        return next((ticket for ticket in record.tickets if ticket.trial == trial), None)

    def _check_nested(self, level: LevelContent, place: int, mask: Mask) -> None:
        if self._densest is None or level is self._densest:
            return
        outer = complete(self._densest.masks[place], self._network)
        if any(bool((mask[name] & ~outer[name]).any()) for name in mask):
            raise BundleFormatError(
                f"Level {level.index} keeps weights that level {self._densest.index} drops, so "
                "the survivors of the densest level are not all that is needed.",
                "Write the bundle with theta0='dense'.",
            )
