"""The worker process: one thread that trains, and one that listens to the parent.

It ends when the pipe closes, which happens however the parent ends. Signals of the terminal are
ignored (see `process.PROGRAM`): the parent decides, and tells it.
"""

from __future__ import annotations

import importlib
import os
import queue
import sys
import threading
from multiprocessing.connection import Connection

import torch

from ticket_hub.data import DataSet
from ticket_hub.networks.factory import trust
from ticket_hub.training.local import run_task
from ticket_hub.training.messages import (
    Begin,
    Do,
    Done,
    Failed,
    News,
    Stop,
    portable,
    receive,
    send,
)
from ticket_hub.training.sharing import open_shared

__all__ = ["main"]


class _Worker:
    def __init__(self, pipe: Connection, handle: int) -> None:
        self._pipe, self._handle = pipe, handle
        self._orders: queue.SimpleQueue[Do] = queue.SimpleQueue()
        self._stopped = -1
        self._data: DataSet | None = None

    def run(self) -> None:
        """Serve the parent until it ends or says stop."""
        begin = receive(self._pipe)
        assert isinstance(begin, Begin)
        self._data = open_shared(self._handle, begin.sheet)
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            self._do(self._orders.get())

    def _listen(self) -> None:
        """Take orders until the parent is gone."""
        while True:
            try:
                message = receive(self._pipe)
            except (EOFError, OSError):
                # The other thread may be in the middle of a step, and nothing else ends the process
                # under it.
                os._exit(0)
            if isinstance(message, Do):
                self._orders.put(message)
            elif isinstance(message, Stop):
                self._stopped = message.number

    def _do(self, order: Do) -> None:
        assert self._data is not None
        try:
            importlib.import_module(order.module)
            trust(order.module)
            results = run_task(
                self._data,
                order.task,
                lambda progress: send(self._pipe, News(progress)),
                # Numbers grow: a stop that was meant for an earlier task does not end this one.
                lambda: self._stopped >= order.number,
            )
        except Exception as error:  # noqa: BLE001 - the parent raises it
            send(self._pipe, Failed(portable(error)))
        else:
            send(self._pipe, Done(results))


def main() -> None:
    """Serve the parent; the arguments are the numbers of the pipe and of the shared file."""
    torch.set_num_threads(1)
    pipe, handle = (int(word) for word in sys.argv[1:3])
    try:
        _Worker(Connection(pipe), handle).run()
    except (EOFError, OSError):
        os._exit(0)


if __name__ == "__main__":
    main()
