"""Figures, tables and the page of what `ticket_hub.analysis` finds."""

from ticket_hub.report.analysis.front import AnalyzeResult, analyze, carry_out

__all__ = ["AnalyzeResult", "analyze", "carry_out"]
