"""Products of cases: a sample with each change, all of them every night."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

__all__ = ["sampled"]


def sampled(cases: Iterable[tuple[Any, ...]], keep: Callable[..., bool]) -> list[Any]:
    """Parameters of a test of which `make test` runs some.

    Args:
        cases: each with its values in the order of the names.
        keep: given the values of a case, whether it runs with each change. The others are `slow`.
            Whoever chooses sees to it that each value is in one that does.
    """
    return [pytest.param(*case, marks=[] if keep(*case) else pytest.mark.slow) for case in cases]
