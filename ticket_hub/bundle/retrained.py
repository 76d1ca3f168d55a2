"""What experiments say of a bundle's levels, on the data that its tickets were found on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ticket_hub.bundle.experiment_record import ExperimentRecord
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import LevelRecord
from ticket_hub.bundle.summary import WON, measured
from ticket_hub.recipe.experiment_spec import TICKET

__all__ = ["retrained_levels", "won_levels"]


def retrained_levels(
    manifest: Manifest, records: Iterable[ExperimentRecord]
) -> Iterator[LevelRecord]:
    """The carried levels as experiments measured and judged them, instead of the search.

    What tickets come to on other data, or without a verdict, says nothing of the search's levels.

    Args:
        records: experiments with the bundle's tickets.
    """
    levels = {level.index: level for level in manifest.levels if level.tickets}
    for record in records:
        if record.spec.data_name != manifest.data.name:
            continue
        verdicts = record.usual_verdicts()
        for found in record.levels:
            word, ticket = verdicts[found.level].word, found.networks[TICKET]
            if word is not None and found.level in levels:
                backends = [each.backend for each in ticket.trials]
                summary = measured(ticket.outcome, backends)
                yield replace(levels[found.level], evidence=summary, verdict=word)


def won_levels(manifest: Manifest, records: Iterable[ExperimentRecord]) -> frozenset[int]:
    """The levels that an experiment calls winning or matching; see `retrained_levels`."""
    return frozenset(
        each.index for each in retrained_levels(manifest, records) if each.verdict in WON
    )
