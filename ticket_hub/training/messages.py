"""What the parent and its worker processes tell each other, pickled over a pipe."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeAlias

from ticket_hub.errors import TicketHubError, TrainingError
from ticket_hub.training.member import Progress, Trained
from ticket_hub.training.sharing import DataSheet
from ticket_hub.training.task import Task

__all__ = [
    "Begin",
    "Do",
    "Done",
    "Failed",
    "Message",
    "News",
    "Stop",
    "portable",
    "receive",
    "send",
]


@dataclass(frozen=True)
class Begin:
    """To a new worker: where its data lie."""

    sheet: DataSheet


@dataclass(frozen=True)
class Do:
    """To a worker: do this task.

    Attributes:
        module: the module that registers the network; it is imported first.
    """

    number: int
    task: Task
    module: str


@dataclass(frozen=True)
class Stop:
    """To a worker: save what there is of this task, and give it up."""

    number: int


@dataclass(frozen=True)
class News:
    """From a worker: how far its members are."""

    progress: list[Progress]


@dataclass(frozen=True)
class Done:
    """From a worker: its task's results."""

    results: list[Trained]


@dataclass(frozen=True)
class Failed:
    """From a worker: why its task has no results."""

    error: TicketHubError


Message: TypeAlias = Begin | Do | Stop | News | Done | Failed
"""All that goes between a trainer and its workers."""


def send(pipe: Connection, message: Message) -> None:
    """Send one message.

    Raises:
        OSError: the other end is closed.
    """
    pipe.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))


def receive(pipe: Connection) -> Message:
    """Wait for one message.

    Raises:
        EOFError, OSError: the other end is closed.
    """
    message: Message = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our own process
    return message


def portable(error: BaseException) -> TicketHubError:
    """An error that survives the way to the parent: ours as it is, others described."""
    if isinstance(error, TicketHubError):
        try:
            # Here, where another error can still be sent: in the parent it would be too late.
            pickle.loads(pickle.dumps(error))  # noqa: S301 - our own error
        except Exception:  # noqa: BLE001 - whatever an attribute of it does
            return TrainingError(error.problem, error.remedy)
        return error
    return TrainingError(
        f"A worker process failed: {type(error).__name__}: {error}.",
        "Train with workers=1 to see where; if the message is not about your own network, "
        "please report it.",
    )
