"""The library's front door to a transfer: several tickets, several data sets, one matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from ticket_hub.durable import sweep
from ticket_hub.hub.address import PlaceLike
from ticket_hub.runs.live_progress import telling
from ticket_hub.runs.lock import hold
from ticket_hub.runs.resources import Resources
from ticket_hub.showing import Shown, View
from ticket_hub.table import Column, Table
from ticket_hub.transfer.matrix import Matrix, matrix_table
from ticket_hub.transfer.preflight import preflight
from ticket_hub.transfer.result import Result
from ticket_hub.transfer.retraining import judge_together, train
from ticket_hub.transfer.shared import SharedNetworks
from ticket_hub.transfer.tables import EvidenceRow
from ticket_hub.transfer.terms import ExperimentOptions, split_options
from ticket_hub.transfer.transfer_plan import TransferPlan, plan_transfer

__all__ = ["TransferResult", "carry_out_transfer", "transfer_tickets"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TransferResult(Shown):
    """A finished transfer.

    Attributes:
        run: its folder, with `matrix.json`, `matrix.csv`, `matrix.md`, and the cells' folders.
        matrix: the numbers.
    """

    run: Path
    matrix: Matrix

    def __fspath__(self) -> str:
        """Its folder, so that it stands for that wherever a path does."""
        return str(self.run)

    def _view(self) -> View:
        wanted = self.matrix
        return View(
            title=f"{', '.join(wanted.tickets)} on {', '.join(wanted.data)}",
            facts={"beside": wanted.controls, "run": self.run},
            table=matrix_table(wanted),
            values=Table.of(
                (
                    {"ticket": cell.ticket, "data": cell.data, **vars(row)}
                    for cell in wanted.cells
                    for row in cell.rows
                ),
                [Column(name) for name in ("ticket", "data", *EvidenceRow.__dataclass_fields__)],
            ),
            code=f"ticket_hub.report_run({str(self.run)!r})",
            notes=tuple(f"{cell.ticket} on {cell.data}: {cell.reason}" for cell in wanted.cells),
        )


def transfer_tickets(
    places: PlaceLike | Sequence[PlaceLike],
    datasets: str | Sequence[object],
    *,
    levels: str | None = None,
    own: Mapping[str, PlaceLike] | None = None,
    who: str = "",
    run_folder: Path | str | None = None,
    on_result: Callable[[Result], None] | None = None,
    **options: Unpack[ExperimentOptions],
) -> TransferResult:
    """Train several tickets on several data sets beside their controls. The same call resumes.

    Every ticket on every data set is an experiment as `ticket_hub.retrain` makes it, in a folder of
    its own below the run folder. Networks that are the same bit for bit, such as the dense ones of
    tickets with one theta0, are trained once.

    Args:
        places: one ticket or several, each as `ticket_hub.retrain` takes it.
        datasets: one name or several; each may be examples, as `ticket_hub.retrain` takes them, and
            is then called `given:DIGEST` (`ticket_hub.data.keep` gives that name beforehand).
        levels: of the tickets that name none: `7`, `3,7,11`, `d0.036`, `all` or `best`.
        own: the target's own ticket, by the name of the data set; its control `own` is in the
            cells of these data sets.
        run_folder: by default `runs/transfer-DIGEST` under `TICKET_HOME`. More levels, controls and
            trials go on in the same folder, and so do more tickets and data sets where the folder
            is named; the matrix is of what was last asked for.
        who, on_result: as `ticket_hub.retrain`.
        options: as `ticket_hub.retrain`, for all cells alike; in `changes` a key such as
            `digits:data.validation` is for one data set alone.

    Raises:
        TicketHubError: as `ticket_hub.retrain`.
    """
    terms, resources = split_options(transfer_tickets, options)
    datasets = [datasets] if isinstance(datasets, str) else datasets
    wanted = plan_transfer(
        places, datasets, terms, levels=levels, own=own, data_dir=resources.data_dir
    )
    return carry_out_transfer(
        wanted, resources, who=who, run_folder=run_folder, on_result=on_result
    )


def carry_out_transfer(
    wanted: TransferPlan,
    resources: Resources,
    *,
    who: str = "",
    run_folder: Path | str | None = None,
    on_result: Callable[[Result], None] | None = None,
) -> TransferResult:
    """Do what a plan says; see `transfer_tickets`.

    What would be refused in any cell is refused before the first is trained.

    Raises:
        TicketHubError: as `transfer_tickets`.
    """
    folder = Path(run_folder) if run_folder else wanted.run_folder
    wanted.refuse_strange(folder)
    places = [(cell.plan, folder / "cells" / cell.run_name) for cell in wanted.cells]
    preflight(places, resources.data_dir)
    with hold(folder / "lock"), telling(folder, resources) as given:
        sweep(folder)
        cells = [f"{cell.ticket} on {cell.data}" for cell in wanted.cells]
        results = train(
            places, given, names=cells, on_result=on_result, shared=SharedNetworks(folder)
        )
        found = judge_together(places, results, who=who)
        names = [cell.run_name for cell in wanted.cells]
        matrix = wanted.matrix(
            {name: levels for name, (levels, _) in zip(names, found, strict=True)},
            {
                name: header["data"].get("test_examples")
                for name, (_, header) in zip(names, found, strict=True)
            },
        )
        matrix.write(folder, wanted.about(who))
    return TransferResult(run=folder, matrix=matrix)
