from __future__ import annotations

import shlex

import pytest

from tests.helpers import forked


@pytest.fixture
def quick_ticket() -> list[str]:
    """What runs `ticket` without importing everything anew."""
    return [forked.python(), "-m", "ticket_hub_cli"]


@pytest.fixture
def shim(quick_ticket: list[str]) -> str:
    """Lines for a shell that make `ticket` that."""
    return f'set -e\nticket() {{ {shlex.join(quick_ticket)} "$@"; }}\n'
