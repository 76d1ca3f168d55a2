"""Whether two data orders lead from one start to one valley."""

from ticket_hub.analysis.registry import Analysis, register_analysis

__all__ = ["ORDERS"]

ORDERS = (0, 1)
"""The data orders that each start is trained in."""


@register_analysis("interpolation")
class LinearConnectivity(Analysis):
    """Whether two data orders lead from one start to one valley."""

    title = "Linear mode connectivity"
    place = 80
    networks = len(ORDERS)
    with_dense = True
