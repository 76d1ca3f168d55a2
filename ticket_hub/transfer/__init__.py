"""Tickets trained elsewhere, beside their controls, on equal terms: `ticket_hub.retrain`."""

from ticket_hub.transfer.controls import CONTROLS, Start, make_start
from ticket_hub.transfer.evidence import LevelEvidence, judge_levels
from ticket_hub.transfer.experiment import experiment
from ticket_hub.transfer.head import Fitted, fit
from ticket_hub.transfer.result import Result
from ticket_hub.transfer.retraining import RetrainResult, retrain
from ticket_hub.transfer.source import Source
from ticket_hub.transfer.spec import ExperimentSpec, Request

__all__ = [
    "CONTROLS",
    "ExperimentSpec",
    "Fitted",
    "LevelEvidence",
    "Request",
    "Result",
    "RetrainResult",
    "Source",
    "Start",
    "experiment",
    "fit",
    "judge_levels",
    "make_start",
    "retrain",
]
