"""Whether a score of weights passes the sanity checks of pruning."""

from ticket_hub.analysis.registry import Analysis, register_analysis

__all__ = ["EARLY_CONTROLS", "GROUPED_CONTROLS", "PLAIN_CONTROLS"]

PLAIN_CONTROLS = ("shuffle", "reinit", "random-erk", "random-smart")
"""What every ticket of single weights with dense theta0 can be compared with."""
GROUPED_CONTROLS = ("shuffle", "reinit", "random")
"""What those of units and n:m can, whose layers have no densities of single weights."""
EARLY_CONTROLS = ("invert", "random-labels", "random-pixels")
"""What needs scores of theta0: for tickets of early searches."""


@register_analysis("sanity")
class SanityOfScores(Analysis):
    """Whether a score of weights passes the sanity checks of pruning."""

    title = "Sanity checks of the score"
    place = 95
    networks = 1 + len(PLAIN_CONTROLS) + len(EARLY_CONTROLS)
    needs_dense = True
    with_others = True
    by_default = False  # eight networks a trial
