"""The engine of a slot."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub_api.worker.options import Options

if TYPE_CHECKING:
    from ticket_hub.engines.base import Engine

__all__ = ["open_engine"]

GRACE_SECONDS = 6.0
"""From SIGTERM to SIGKILL: with a sign of life before and the end after it, a cancel takes 10 s."""


def open_engine(options: Options) -> Engine:
    """The engine that the options name.

    The slot itself is the only taker of its local engine, so the pool lies in the jobs' folder
    under the slot's own process.

    Raises:
        EngineError: there is no such engine, or it cannot be had.
    """
    from ticket_hub.engines.choice import make_engine
    from ticket_hub.engines.local import LocalEngine
    from ticket_hub.engines.slots import Slot, SlotPool

    if options.engine == "local":
        slot = Slot(name=options.slot, cuda=options.cuda, workers=options.workers)
        pool = SlotPool(
            [slot], Path(options.jobs_folder) / ".slots" / f"{socket.gethostname()}-{os.getpid()}"
        )
        return LocalEngine(pool=pool, grace_seconds=GRACE_SECONDS, tethered=True)
    return make_engine(options.engine, options.engine_options)
