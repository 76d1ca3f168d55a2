"""Names of data sets that are treated alike."""

from __future__ import annotations

__all__ = ["UNPACKED"]

UNPACKED = ("imagenet", "imagenet-64", "places365", "tiny-imagenet")
"""Nothing fetches these; who has them from their owners unpacks them into the data folder."""
