"""Campaigns of faults, each in a process that forks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.helpers import forked

__all__ = ["run_campaign"]

CAMPAIGN = Path(__file__).resolve().parents[1] / "core/search/fault_injection.py"


def run_campaign(*arguments: str) -> dict[str, Any]:
    """What `fault_injection.py` has found."""
    done = subprocess.run(
        [forked.python(), str(CAMPAIGN), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
