"""The other end of `torch_process`: the process that does the work."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import sys
import threading
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from ticket_hub import plugins
from ticket_hub.errors import PluginError
from ticket_hub_api.observing.logs import configure_logging
from ticket_hub_api.settings import Settings

if TYPE_CHECKING:
    from ticket_hub_api.services import Services

__all__ = ["do_work", "main"]


def main() -> None:
    """Be the process: do what comes over the socket, until its other end is closed."""
    work = socket.socket(fileno=int(sys.argv[1]))
    settings = Settings.from_environment()
    configure_logging(settings.log_level)
    services = ThreadPoolExecutor(1).submit(_prepare, settings)
    while True:
        said, handles, _, _ = socket.recv_fds(work, 1, 1)
        if not said:
            os._exit(0)  # whatever is being imported or done: nobody is there to hear of it
        for handle in handles:  # none where too many files are open: it was closed, and is missed
            given = (services, Connection(handle))
            threading.Thread(target=do_work, args=given, daemon=True).start()


def _prepare(settings: Settings) -> Services:
    """Import what takes long, so that no request waits for it, and open the hub."""
    import ticket_hub.comparison
    import ticket_hub.report.illustrate
    import ticket_hub.transfer.planning  # noqa: F401 - as said
    import ticket_hub_api.app  # noqa: F401 - with all routes and pages, which say what to do
    from ticket_hub_api.services import Services

    with contextlib.suppress(PluginError):  # said to whoever needs a network or data set
        plugins.load()
    return Services(settings)


def do_work(services: Future[Services], pipe: Connection) -> None:
    """One piece of work: what it returns or raises goes back, as it is."""
    with pipe:
        try:
            opened = services.result()
            act, args, kwargs = pipe.recv()
            answer = pickle.dumps((act(opened, *args, **kwargs), None))
        except Exception as error:  # noqa: BLE001 - the service answers to it as to its own
            error.add_note(traceback.format_exc())  # for its log: traces do not travel
            answer = pickle.dumps((None, _portable(error)))
        with contextlib.suppress(OSError):  # nobody waits any more
            pipe.send_bytes(answer)


def _portable(error: Exception) -> Exception:
    """An error that survives the way: itself, or a plain one of its words."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own error
    except Exception:  # noqa: BLE001 - whatever an attribute of it does
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
