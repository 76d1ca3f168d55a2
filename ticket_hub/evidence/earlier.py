"""The verdicts of bundles that do not say what theirs were corrected for.

They were judged level by level: Holm's correction over the claims of one level and, apart from
them, over their opposites, each at one-sided 5%. Bundles keep what they were written with, and are
checked by it; whatever is judged anew is judged by `ticket_hub.evidence.judge_family`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ticket_hub.evidence.family import holm
from ticket_hub.evidence.statistics import MIN_TRIALS, paired_difference
from ticket_hub.evidence.verdict import ALPHA, MARGIN, REFERENCES, Outcome, word_of
from ticket_hub.types import Word

__all__ = ["earlier_word"]


def earlier_word(ticket: Outcome, controls: Mapping[str, Outcome]) -> Word | None:
    """The word for one ticket by the earlier rule.

    Raises:
        EvidenceError: a control has other trials than the ticket, or a value is not finite.
    """
    if len(ticket.accuracy) < MIN_TRIALS:
        return None
    better, worse = [], []
    for name, control in controls.items():
        values = ticket.accuracy, control.accuracy
        shift = -MARGIN if name in REFERENCES else 0.0
        better.append(paired_difference(*values, shift=shift, bounds=False).p_greater)
        worse.append(paired_difference(*values, bounds=False).p_less)
    shown = zip(holm(better) <= ALPHA, holm(worse) <= ALPHA, strict=True)
    return word_of({name: (bool(a), bool(b)) for name, (a, b) in zip(controls, shown, strict=True)})
