"""Every analysis' view, by the analysis' name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ticket_hub.report.analysis.counts import FLOPS, UNITS
from ticket_hub.report.analysis.layers import DENSITY, OVERLAP
from ticket_hub.report.analysis.spreads import DEGREES, MOVEMENT, VALUES
from ticket_hub.report.analysis.training import INTERPOLATION, NOISE
from ticket_hub.report.analysis.views import View

__all__ = ["VIEWS"]

VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "density": DENSITY,
        "overlap": OVERLAP,
        "units": UNITS,
        "degrees": DEGREES,
        "flops": FLOPS,
        "values": VALUES,
        "movement": MOVEMENT,
        "interpolation": INTERPOLATION,
        "noise": NOISE,
    }
)
