"""What one member of an experiment came to, as a value and as a file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ticket_hub.bundle.metrics import columns_of
from ticket_hub.durable import canonical_json, write_json
from ticket_hub.errors import RunError
from ticket_hub.training import Curves

__all__ = ["Result", "read_result", "write_result"]

FORMAT = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """One trained network of an experiment.

    Attributes:
        level: of the ticket; 0 for the dense network.
        control: `ticket`, or the name of the control.
        trial: which repetition.
        draw: which draw of a control that is drawn several times for each trial.
        origin: the bundle's trial that its ticket is of.
        ticket: the id of that ticket.
        order_seed: draws the data order; the same for all members of a trial.
        seed: what the control drew with; None where nothing was drawn.
        kept, prunable: weights.
        transferred: density over the layers that came from the ticket.
        head: what became of the output layer.
        backend: what trained it.
        curves: its readings.
        start: the sha256 over what it began with, weights and mask; empty where that was not
            written down yet.
        resumed: whether it was read from disk instead of trained just now.
    """

    level: int
    control: str
    trial: int
    origin: int
    ticket: str
    order_seed: int
    seed: int | None
    kept: int
    prunable: int
    transferred: float
    head: str
    backend: str
    curves: Curves
    start: str = ""
    draw: int = 0
    resumed: bool = False

    @property
    def density(self) -> float:
        """Kept weights over prunable weights of the whole network."""
        return self.kept / self.prunable

    @property
    def accuracy(self) -> float:
        """On the test set at the early stop, in [0, 1]."""
        return self.curves.accuracy

    @property
    def early_stop(self) -> int:
        """The iteration of the first minimum of the validation loss."""
        return self.curves.stopped_at

    @property
    def facts(self) -> dict[str, Any]:
        """What is told of it while others are trained; see `ticket_hub.runs.reporters`."""
        names = ("level", "control", "trial", "accuracy", "early_stop", "resumed")
        return {name: getattr(self, name) for name in names}

    @property
    def cut_short(self) -> bool:
        """Whether the last reading was the best, so that more iterations may have given better."""
        return self.curves.stops_early and self.early_stop == int(self.curves.iterations[-1]) > 0


def write_result(path: Path, result: Result) -> None:
    """Write a result durably, with the sha256 of what it says.

    Raises:
        StorageError: it cannot be written.
    """
    facts = {name: value for name, value in vars(result).items() if name not in _APART}
    if not result.draw:
        del facts["draw"]  # as results were written when there was one draw
    body = facts | {"curves": columns_of(result.curves)}
    if result.curves.measured:
        body["measured"] = dict(result.curves.measured)
    digest = hashlib.sha256(canonical_json(body)).hexdigest()
    write_json(path, {"format": FORMAT, "result": body, "sha256": digest})


def read_result(path: Path) -> Result:
    """Read a result back, marked as resumed.

    Raises:
        RunError: the file is damaged.
    """
    try:
        table = json.loads(path.read_bytes())
        body: dict[str, Any] = table["result"]
        if hashlib.sha256(canonical_json(body)).hexdigest() != table["sha256"]:
            raise ValueError("its digest does not fit")  # noqa: TRY301 - all damage is told one way
        columns = {
            name: (
                torch.tensor(values, dtype=torch.int64)
                if name == "iterations"
                else torch.tensor(
                    [float("nan") if value is None else value for value in values],
                    dtype=torch.float64,
                )
            )
            for name, values in body["curves"].items()
        }
        curves = Curves(**columns, measured=dict(body.get("measured", {})))
        facts = {name: value for name, value in body.items() if name not in {"curves", "measured"}}
        return Result(**facts, curves=curves, resumed=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path} is damaged: {error}.",
            "Remove this file; the same command then trains that network again, and no other.",
        ) from error


_APART = {"curves", "resumed"}
