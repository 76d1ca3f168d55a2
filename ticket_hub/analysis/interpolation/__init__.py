"""Whether two data orders lead from one start to one valley."""

from ticket_hub.analysis.registry import ORDERS, Analysis, register_analysis


@register_analysis("interpolation")
class LinearConnectivity(Analysis):
    """Whether two data orders lead from one start to one valley."""

    title = "Linear mode connectivity"
    place = 80
    networks = ORDERS
    by_orders = True
    with_dense = True
