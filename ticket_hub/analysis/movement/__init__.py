"""How far kept and pruned weights move while the dense network trains."""

from ticket_hub.analysis.registry import Analysis, register_analysis


@register_analysis("movement")
class MovementOfWeights(Analysis):
    """How far kept and pruned weights move while the dense network trains."""

    title = "How far weights move"
    place = 70
    networks = 1
    needs_dense = True
