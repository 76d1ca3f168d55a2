"""Looking into tickets: the analyses of the papers, each a pure function with a frozen result.

Each analysis is a folder here that nothing else names: what it needs in `__init__.py`, what is
computed in `compute.py`, and how it is shown in `draw.py`. The `measure_...` functions take masks
and weights; `plan_analyses` and `findings` apply the analyses to the tickets of a bundle, train
what has to be trained, and keep what is found in a folder; `analyze` draws it, too.

Public names are imported when they are first used, so that names of analyses need no PyTorch.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from ticket_hub.lazy import lazy_names

if TYPE_CHECKING:
    from ticket_hub.analysis.degrees.compute import measure_degrees
    from ticket_hub.analysis.density.compute import measure_density
    from ticket_hub.analysis.flops.compute import measure_flops
    from ticket_hub.analysis.folder import AnalysisFolder, Finding
    from ticket_hub.analysis.front import AnalyzeResult, analyze, carry_out
    from ticket_hub.analysis.interpolation.line import barrier, measure_interpolation, read_line
    from ticket_hub.analysis.movement.compute import measure_movement
    from ticket_hub.analysis.noise.compute import measure_noise, with_noise
    from ticket_hub.analysis.overlap.compute import measure_overlap
    from ticket_hub.analysis.registry import Analysis, analyses, find_analysis, register_analysis
    from ticket_hub.analysis.running import AnalysisPlan, findings, plan_analyses
    from ticket_hub.analysis.subject import Subject
    from ticket_hub.analysis.units.compute import measure_units
    from ticket_hub.analysis.values.compute import measure_values

_HOMES = {
    "Analysis": "registry",
    "AnalysisFolder": "folder",
    "AnalysisPlan": "running",
    "AnalyzeResult": "front",
    "Finding": "folder",
    "Subject": "subject",
    "analyses": "registry",
    "analyze": "front",
    "barrier": "interpolation.line",
    "carry_out": "front",
    "find_analysis": "registry",
    "findings": "running",
    "measure_degrees": "degrees.compute",
    "measure_density": "density.compute",
    "measure_flops": "flops.compute",
    "measure_interpolation": "interpolation.line",
    "measure_movement": "movement.compute",
    "measure_noise": "noise.compute",
    "measure_overlap": "overlap.compute",
    "measure_units": "units.compute",
    "measure_values": "values.compute",
    "plan_analyses": "running",
    "read_line": "interpolation.line",
    "register_analysis": "registry",
    "with_noise": "noise.compute",
}

__all__ = [
    "Analysis",
    "AnalysisFolder",
    "AnalysisPlan",
    "AnalyzeResult",
    "Finding",
    "Subject",
    "analyses",
    "analyze",
    "barrier",
    "carry_out",
    "find_analysis",
    "findings",
    "measure_degrees",
    "measure_density",
    "measure_flops",
    "measure_interpolation",
    "measure_movement",
    "measure_noise",
    "measure_overlap",
    "measure_units",
    "measure_values",
    "plan_analyses",
    "read_line",
    "register_analysis",
    "with_noise",
]

__getattr__ = lazy_names(__name__, _HOMES)

for _found in pkgutil.iter_modules(__path__):
    if _found.ispkg:
        importlib.import_module(f"{__name__}.{_found.name}")
