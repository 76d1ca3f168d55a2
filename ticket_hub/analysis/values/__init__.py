"""Which initial values survive."""

from ticket_hub.analysis.registry import Analysis, register_analysis


@register_analysis("values")
class InitialValues(Analysis):
    """Which initial values survive."""

    title = "Initial values"
    place = 60
    needs_dense = True
