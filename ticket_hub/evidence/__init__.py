"""What measurements support: paired statistics, and the verdict on a ticket."""

from ticket_hub.evidence.contrast import Contrast, Interval, Pairing, contrast
from ticket_hub.evidence.counts import count_text
from ticket_hub.evidence.family import decide, holm
from ticket_hub.evidence.statistics import (
    Difference,
    Ratio,
    paired_difference,
    paired_ratio,
    trials_needed,
)
from ticket_hub.evidence.verdict import Comparison, Outcome, Rule, Verdict, judge, judge_family

__all__ = [
    "Comparison",
    "Contrast",
    "Difference",
    "Interval",
    "Outcome",
    "Pairing",
    "Ratio",
    "Rule",
    "Verdict",
    "contrast",
    "count_text",
    "decide",
    "holm",
    "judge",
    "judge_family",
    "paired_difference",
    "paired_ratio",
    "trials_needed",
]
