"""Tickets trained elsewhere, beside their controls, on equal terms.

The front doors are `ticket_hub.retrain` and `ticket_hub.transfer_tickets`.
"""

from ticket_hub.transfer.controls import CONTROLS, Start, make_start
from ticket_hub.transfer.evidence import LevelEvidence, judge_levels
from ticket_hub.transfer.experiment import experiment
from ticket_hub.transfer.head import Fitted, fit
from ticket_hub.transfer.matrix import Cell, Matrix, read_matrix
from ticket_hub.transfer.result import Result
from ticket_hub.transfer.retraining import RetrainResult, retrain
from ticket_hub.transfer.source import Source
from ticket_hub.transfer.spec import ExperimentSpec, Request
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
    "TransferResult",
    "experiment",
    "fit",
    "judge_levels",
    "make_start",
    "read_matrix",
    "retrain",
    "transfer_tickets",
]
