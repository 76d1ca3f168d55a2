"""How much noise on theta0 a ticket stands."""

from ticket_hub.analysis.registry import Analysis, register_analysis

__all__ = ["MULTIPLES"]

MULTIPLES = (0.0, 0.5, 1.0, 2.0, 3.0)
"""Of the standard deviation of each layer's initialization; 0 is the ticket itself."""


@register_analysis("noise")
class NoiseOnValues(Analysis):
    """How much noise on theta0 a ticket stands."""

    title = "Noise on the initial values"
    place = 90
    networks = len(MULTIPLES) + 1
