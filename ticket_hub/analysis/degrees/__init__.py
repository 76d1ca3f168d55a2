"""How many kept weights lead into and out of each unit."""

from ticket_hub.analysis.registry import Analysis, register_analysis


@register_analysis("degrees")
class ConnectionsOfUnits(Analysis):
    """How many kept weights lead into and out of each unit."""

    title = "Connections of units"
    place = 40
