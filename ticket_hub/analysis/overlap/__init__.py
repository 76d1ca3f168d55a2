"""How many weights two masks both keep, beside what chance gives."""

from ticket_hub.analysis.registry import Analysis, register_analysis


@register_analysis("overlap")
class OverlapOfMasks(Analysis):
    """How many weights two masks both keep, beside what chance gives."""

    title = "Overlap of masks"
    place = 20
    with_others = True
