"""What a run needs beside its recipe, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ticket_hub.training import Progress

__all__ = ["Resources"]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What training may use and whom it tells; see `ticket_hub.search.search`."""

    data_dir: Path | str | None = None
    device: str | None = None
    workers: int | None = None
    observe: Callable[[Progress], None] | None = None
    notify: Callable[[str], None] | None = None
    should_stop: Callable[[], bool] | None = None
    accept_environment: bool = False
    checkpoint_seconds: float = 60.0
