"""What a forward pass costs densely, and what the surviving weights alone would cost."""

from ticket_hub.analysis.registry import Analysis, register_analysis


@register_analysis("flops")
class Operations(Analysis):
    """What a forward pass costs densely, and what the surviving weights alone would cost."""

    title = "Operations"
    place = 50
