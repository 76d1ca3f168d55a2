"""How far training is, as a bar: `progress=True` of `ticket_hub.find`, `retrain` and others."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ticket_hub.training import Progress

__all__ = ["ProgressBar"]

MIN_SECONDS = 0.5


class ProgressBar:
    """Told of each evaluation, it draws a bar on stderr, in a notebook a widget.

    A bar is of all networks that train together: of a search a level, of an experiment all. It is
    gone when they are done.

    Args:
        seconds: before the first drawing, and between two.
    """

    def __init__(self, seconds: float = MIN_SECONDS) -> None:
        self._seconds = seconds
        self._latest: dict[str, Progress] = {}
        self._bar: Any = None

    def __call__(self, progress: Progress) -> None:
        """Draw where one network is now."""
        before = self._latest.get(progress.member)
        if before is not None and progress.iteration < before.iteration:
            self._close()  # networks of these names train anew, as at the next level
        self._latest[progress.member] = progress
        known = self._latest.values()
        if self._bar is None:
            from tqdm.auto import tqdm

            self._bar = tqdm(
                unit="step", leave=False, mininterval=self._seconds, delay=self._seconds
            )
        self._bar.total = sum(each.iterations for each in known)
        read = [each.validation_accuracy for each in known]
        if all(map(math.isfinite, read)):
            self._bar.set_postfix_str(f"validation accuracy {fmean(read):.2%}", refresh=False)
        count = f"{len(known)} network{'s' if len(known) > 1 else ''}"
        self._bar.set_description(count, refresh=False)
        self._bar.update(sum(each.iteration for each in known) - self._bar.n)
        if all(each.iteration == each.iterations for each in known):
            self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._latest = None, {}
