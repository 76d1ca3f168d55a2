"""From a signal to a question that training asks between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["stop_on_signals"]

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)
)  # Windows hangs nothing up


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Give a `should_stop` that is true once SIGTERM, SIGINT (Ctrl-C) or SIGHUP has come.

    Training then finishes its step, keeps a checkpoint and raises `StoppedError`. A second signal
    acts as if nobody listened: it ends the process at once, which costs at most what was done
    since the last checkpoint. A signal that was ignored before, as `nohup` has SIGHUP and a shell
    has SIGINT of a command in the background, stays ignored. The handlers that were there before
    come back at the end. In a thread other than the main one, where Python allows no handlers,
    the answer is always False.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {
        number: handler
        for number in SIGNALS
        if (handler := signal.getsignal(number)) is not signal.SIG_IGN
    }

    def remember(number: int, frame: FrameType | None) -> None:
        """Note the wish to stop; the same signal again ends the process as usual."""
        del frame
        asked.set()
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )

    try:
        for number in before:
            signal.signal(number, remember)
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
