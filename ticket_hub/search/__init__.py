"""Searches: iterative magnitude pruning, level by level."""

from ticket_hub.search.imp import Level, search

__all__ = ["Level", "search"]
