"""What the files are called that mark and describe a folder of work."""

from __future__ import annotations

__all__ = [
    "ANALYSIS",
    "ENVIRONMENT",
    "EVIDENCE",
    "EXPERIMENT",
    "MATRIX",
    "PROGRESS",
    "RECIPE",
    "REPRODUCTION",
    "RUN",
    "SEAL",
]

RUN = "run.json"
"""Marks the folder of a search; see `ticket_hub.runs.folder`."""
EXPERIMENT = "experiment.json"
"""Marks that of `ticket retrain`; see `ticket_hub.transfer.folder`."""
MATRIX = "matrix.json"
"""Marks that of `ticket transfer`; see `ticket_hub.transfer.matrix`."""
ANALYSIS = "analysis.json"
"""What `ticket analyze` computed."""
EVIDENCE = "evidence.json"
"""What an experiment found."""
REPRODUCTION = "reproduction.json"
"""What became of a claim; see `ticket_hub.bundle.reproduction_record`."""
PROGRESS = "progress.json"
"""How far the process is that trains here; see `ticket_hub.runs.live_progress`."""
RECIPE = "recipe.toml"
"""The recipe of a search, for people."""
ENVIRONMENT = "environment.json"
"""What a run was made with, and whether its bits are still exact."""
SEAL = "seal.json"
"""What a finished level or network consists of; written last, so that it marks the end."""
