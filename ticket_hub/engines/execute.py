"""Do one work: `python -m ticket_hub.engines.execute FOLDER`.

The work is read from the folder, done in its run folder, and told about in the folder's files
(see `ticket_hub.engines.folder`). `result.json` has, for a search,

    {"kind": "find", "run", "bundle", "recipe", "digest",
     "ending": {"reason", "about"}, "levels": [{"index", "density", "test_accuracy", "early_stop"}]}

and for a retraining

    {"kind": "retrain", "run", "evidence",
     "levels": [{"level", "density", "verdict", "reason", "n", "tickets", "family"}]}

The exit code is the one of `ticket find` and `ticket retrain`. After SIGTERM or SIGINT a
checkpoint is kept and the code is 75, within ten seconds; the same call then goes on. A second
process for the same work is refused with code 8, and changes no file.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ticket_hub.errors import StoppedError, TicketHubError
from ticket_hub.exit_codes import exit_code
from ticket_hub.runs.signals import stop_on_signals

__all__ = ["main"]

GRACE_SECONDS = 8.0  # in which training keeps a checkpoint


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line of this process and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ticket_hub.engines.execute", description="Do one work in its folder."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, help="at most, where the work does not say")
    parser.add_argument("--processes", type=int, default=1, help="that train each network together")
    parser.add_argument("--companion", action="store_true", help="be one of them but the first")
    parser.add_argument("--patience", type=float, default=0.2, help="seconds to wait for its lock")
    parser.add_argument("--lock", type=int, help="inherited handle that owns the folder's lock")
    parser.add_argument("--lifeline", type=int, help="inherited handle; its end ends this process")
    parser.add_argument("--tether", type=int, help="inherited handle; its end stops this process")
    given = parser.parse_args(arguments)
    if given.workers is not None:
        os.environ["TICKET_CORES"] = str(given.workers)
    if given.lifeline is not None:
        threading.Thread(target=_die_with, args=(given.lifeline,), daemon=True).start()
    # Slurm warns every process of a job; the one that attends this work decides.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    with stop_on_signals() as should_stop:
        if given.tether is not None:
            _exit_with(given.tether)
        # Imported with the signals' handlers in place: PyTorch takes seconds.
        from ticket_hub.engines.run_work import execute, train_along

        try:
            if given.companion:
                return train_along(given.folder, should_stop)
            return execute(
                given.folder,
                processes=given.processes,
                patience_seconds=given.patience,
                is_owned=given.lock is not None,
                should_stop=should_stop,
            )
        except TicketHubError as error:
            sys.stderr.write(f"{error.problem}\n{error.remedy}\n")
            return exit_code(error)


def _die_with(handle: int) -> None:
    """End at once when whoever started this process has died; the last checkpoint stays."""
    while os.read(handle, 1):
        pass
    os._exit(exit_code(StoppedError("", "")))


def _exit_with(handle: int) -> None:
    """Stop this process, and after a grace kill its whole group, once the pipe is at its end.

    Args:
        handle: the reading end, inherited.
    """

    def watch() -> None:
        """Wait for the end of the pipe; then stop this process, and kill what is left of it."""
        while os.read(handle, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="tether").start()


if __name__ == "__main__":
    sys.exit(main())
