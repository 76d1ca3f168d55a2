"""Units that nothing reaches, or that reach nothing."""

from ticket_hub.analysis.registry import Analysis, register_analysis


@register_analysis("units")
class DeadUnits(Analysis):
    """Units that nothing reaches, or that reach nothing."""

    title = "Dead units"
    place = 30
