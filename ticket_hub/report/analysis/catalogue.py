"""Every analysis' view, by the analysis' name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ticket_hub.report.analysis.counts import FLOPS, UNITS
from ticket_hub.report.analysis.degrees import DEGREES
from ticket_hub.report.analysis.layers import DENSITY, OVERLAP
from ticket_hub.report.analysis.line import INTERPOLATION
from ticket_hub.report.analysis.noise import NOISE
from ticket_hub.report.analysis.views import View
from ticket_hub.report.analysis.weights import MOVEMENT, VALUES

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
