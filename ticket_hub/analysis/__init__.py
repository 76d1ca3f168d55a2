"""Looking into tickets: the analyses of the papers, each a pure function with a frozen result.

The `measure_...` functions take masks and weights; `plan_analyses` and `findings` apply them to the
tickets of a bundle, train what has to be trained, and keep what is found in a folder.
"""

from ticket_hub.analysis.catalogue import CATALOGUE, GROUPS, Analysis, chosen
from ticket_hub.analysis.degrees import measure_degrees
from ticket_hub.analysis.density import measure_density
from ticket_hub.analysis.flops import measure_flops
from ticket_hub.analysis.folder import AnalysisFolder, Finding
from ticket_hub.analysis.interpolation import barrier, measure_interpolation, read_line
from ticket_hub.analysis.movement import measure_movement
from ticket_hub.analysis.noise import measure_noise, with_noise
from ticket_hub.analysis.overlap import measure_overlap
from ticket_hub.analysis.running import AnalysisPlan, findings, plan_analyses
from ticket_hub.analysis.subject import Subject
from ticket_hub.analysis.units import measure_units
from ticket_hub.analysis.values import measure_values

__all__ = [
    "CATALOGUE",
    "GROUPS",
    "Analysis",
    "AnalysisFolder",
    "AnalysisPlan",
    "Finding",
    "Subject",
    "barrier",
    "chosen",
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
    "with_noise",
]
