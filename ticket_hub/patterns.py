"""How digests and commits are spelled, for all who check one."""

from __future__ import annotations

import re

__all__ = ["COMMIT", "SHA256"]

SHA256 = re.compile(r"[0-9a-f]{64}")
"""Of a content."""
COMMIT = re.compile(r"[0-9a-f]{40}")
"""Of a revision, as Git names it."""
