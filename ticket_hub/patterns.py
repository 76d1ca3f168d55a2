"""How digests, commits, names of tensors and of networks are spelled, for all who check one."""

from __future__ import annotations

import re

__all__ = ["COMMIT", "SHA256", "TENSOR", "TIMM"]

SHA256 = re.compile(r"[0-9a-f]{64}")
"""Of a content."""
COMMIT = re.compile(r"[0-9a-f]{40}")
"""Of a revision, as Git names it."""
TENSOR = re.compile(r"[A-Za-z0-9_.-]{1,200}")
"""Of an entry of a state dict, as bundles take it."""
TIMM = "timm:"
"""Begins the names of networks of timm."""
