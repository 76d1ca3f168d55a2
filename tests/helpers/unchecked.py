"""Thousands of calls alike, whose shapes other tests check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jaxtyping import config


@contextmanager
def unchecked() -> Iterator[None]:
    """Leave shapes unchecked meanwhile, which would take most of such a test's time."""
    config.update("jaxtyping_disable", "1")
    try:
        yield
    finally:
        config.update("jaxtyping_disable", "0")
