"""How the kept weights lie over the layers, and which layers are near collapse."""

from ticket_hub.analysis.registry import Analysis, register_analysis


@register_analysis("density")
class DensityByLayer(Analysis):
    """How the kept weights lie over the layers, and which layers are near collapse."""

    title = "Density by layer"
    place = 10
