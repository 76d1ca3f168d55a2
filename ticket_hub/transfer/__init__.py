"""Tickets trained elsewhere, beside their controls, on equal terms.

The front doors are `ticket_hub.retrain` and `ticket_hub.transfer_tickets`. Public names are
imported when they are first used, so that whoever plans or waits for an experiment needs no
PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticket_hub.lazy import lazy_names

if TYPE_CHECKING:
    from ticket_hub.transfer.controls import CONTROLS, register_control
    from ticket_hub.transfer.head import Fitted, fit
    from ticket_hub.transfer.level_evidence import LevelEvidence, judge_levels
    from ticket_hub.transfer.matrix import Cell, Matrix, read_matrix
    from ticket_hub.transfer.result import Result
    from ticket_hub.transfer.retraining import RetrainResult, retrain
    from ticket_hub.transfer.source import Source
    from ticket_hub.transfer.spec import ExperimentSpec, Request
    from ticket_hub.transfer.start import Start, StartSources, make_start
    from ticket_hub.transfer.transferring import TransferResult, transfer_tickets

__all__ = [
    "CONTROLS",
    "Cell",
    "ExperimentSpec",
    "Fitted",
    "LevelEvidence",
    "Matrix",
    "Request",
    "Result",
    "RetrainResult",
    "Source",
    "Start",
    "StartSources",
    "TransferResult",
    "fit",
    "judge_levels",
    "make_start",
    "read_matrix",
    "register_control",
    "retrain",
    "transfer_tickets",
]

_HOMES = {
    "CONTROLS": "controls",
    "Cell": "matrix",
    "ExperimentSpec": "spec",
    "Fitted": "head",
    "LevelEvidence": "level_evidence",
    "Matrix": "matrix",
    "Request": "spec",
    "Result": "result",
    "RetrainResult": "retraining",
    "Source": "source",
    "Start": "start",
    "StartSources": "start",
    "TransferResult": "transferring",
    "fit": "head",
    "judge_levels": "level_evidence",
    "make_start": "start",
    "read_matrix": "matrix",
    "register_control": "controls",
    "retrain": "retraining",
    "transfer_tickets": "transferring",
}

__getattr__ = lazy_names(__name__, _HOMES)
