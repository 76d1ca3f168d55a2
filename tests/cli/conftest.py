from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.helpers.commands import Ran, run_ticket


@pytest.fixture
def ticket() -> Callable[..., Ran]:
    """Run `ticket ARGUMENTS` in this process."""
    return run_ticket
