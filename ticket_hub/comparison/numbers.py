"""What a report shows, as plain numbers."""

from __future__ import annotations

from typing import Any

from ticket_hub.bundle import open_bundle
from ticket_hub.comparison.bundles import subject
from ticket_hub.comparison.ladder_tables import ladder_csv
from ticket_hub.hub.address import PlaceLike, named_place
from ticket_hub.recipe.tables import to_table
from ticket_hub.runs.locate import locate_whole
from ticket_hub.table import Table
from ticket_hub.transfer import read_matrix
from ticket_hub.transfer.stored import find_experiment, find_transfer, read_experiment
from ticket_hub.transfer.tables import EvidenceRow, rows

__all__ = ["numbers"]


def numbers(place: PlaceLike) -> list[dict[str, Any]]:
    """The numbers of a report as plain JSON values: networks at levels, or cells of a transfer.

    Args:
        place: as in `ticket_hub.report_run`.

    Raises:
        TicketNotFoundError: there is no such bundle, run or experiment, or a level of it is named.
        EvidenceError: nothing was measured, or the experiment is not finished.
        BundleError, RunError: a file breaks the format or is damaged.
    """
    name = named_place(place)
    transfer = find_transfer(name)
    if transfer is not None:
        return [to_table(cell) for cell in read_matrix(transfer).cells]
    experiment = find_experiment(name)
    if experiment is None:
        ladder = subject(open_bundle(locate_whole(name).bundle)).ladder
        return ladder_csv(ladder).json()
    return Table.of_fields(EvidenceRow, rows(read_experiment(experiment).levels)).json()
