"""What measurements support: paired statistics, and the verdict on a ticket.

Public names are imported when they are first used: who says of what n is needs no NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticket_hub.lazy import lazy_names

if TYPE_CHECKING:
    from ticket_hub.evidence.contrasts import Contrast, ContrastInterval, Pairing, contrast
    from ticket_hub.evidence.counts import count_text
    from ticket_hub.evidence.family import decide, holm
    from ticket_hub.evidence.statistics import (
        Difference,
        Ratio,
        paired_difference,
        paired_ratio,
        trials_needed,
    )
    from ticket_hub.evidence.verdict import (
        ControlComparison,
        Outcome,
        Rule,
        Verdict,
        judge,
        judge_family,
    )

__all__ = [
    "Contrast",
    "ContrastInterval",
    "ControlComparison",
    "Difference",
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

_HOMES = {
    "ControlComparison": "verdict",
    "Contrast": "contrasts",
    "Difference": "statistics",
    "ContrastInterval": "contrasts",
    "Outcome": "verdict",
    "Pairing": "contrasts",
    "Ratio": "statistics",
    "Rule": "verdict",
    "Verdict": "verdict",
    "contrast": "contrasts",
    "count_text": "counts",
    "decide": "family",
    "holm": "family",
    "judge": "verdict",
    "judge_family": "verdict",
    "paired_difference": "statistics",
    "paired_ratio": "statistics",
    "trials_needed": "statistics",
}

__getattr__ = lazy_names(__name__, _HOMES)
