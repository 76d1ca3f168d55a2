"""What measurements support: paired statistics, and the verdict on a ticket."""

from ticket_hub.evidence.contrast import Contrast, Interval, Pairing, contrast
from ticket_hub.evidence.statistics import (
    Difference,
    Ratio,
    holm,
    paired_difference,
    paired_ratio,
    trials_needed,
)
from ticket_hub.evidence.verdict import Comparison, Outcome, Verdict, judge

__all__ = [
    "Comparison",
    "Contrast",
    "Difference",
    "Interval",
    "Outcome",
    "Pairing",
    "Ratio",
    "Verdict",
    "contrast",
    "holm",
    "judge",
    "paired_difference",
    "paired_ratio",
    "trials_needed",
]
