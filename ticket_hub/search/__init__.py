"""Searches: iterative magnitude pruning, level by level, resumable at any moment."""

from ticket_hub.search.imp import search
from ticket_hub.search.level import Ending, Level, Trial

__all__ = ["Ending", "Level", "Trial", "search"]
