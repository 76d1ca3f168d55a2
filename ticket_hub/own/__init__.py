"""Search for tickets, and compare them with controls, in a training loop of your own."""

from ticket_hub.own.comparison import Comparison
from ticket_hub.own.comparison_result import ComparisonResult
from ticket_hub.own.search import Search
from ticket_hub.own.step import Step
from ticket_hub.recipe.own import ACCURACY, Metric

__all__ = ["ACCURACY", "Comparison", "ComparisonResult", "Metric", "Search", "Step"]
