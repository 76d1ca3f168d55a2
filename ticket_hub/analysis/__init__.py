"""Looking into tickets: the analyses of the papers, each a pure function with a frozen result."""

from ticket_hub.analysis.catalogue import CATALOGUE, GROUPS, Analysis, chosen
from ticket_hub.analysis.folder import AnalysisFolder, Finding
from ticket_hub.analysis.running import AnalysisPlan, findings, plan_analyses
from ticket_hub.analysis.subject import Subject

__all__ = [
    "CATALOGUE",
    "GROUPS",
    "Analysis",
    "AnalysisFolder",
    "AnalysisPlan",
    "Finding",
    "Subject",
    "chosen",
    "findings",
    "plan_analyses",
]
