"""How a job reaches one free worker: a queue with priorities that may forget and repeat.

It holds nothing but a job's id, its attempt and its priority. The job's own row decides who may
work on it, and the reaper delivers again what was forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeAlias

__all__ = ["Delivered", "Delivery", "open_delivery"]

Delivered: TypeAlias = tuple[str, int]
"""A job's id and the attempt that is delivered."""


class Delivery(Protocol):
    """Hands each attempt to one worker, the most urgent first; never the truth about a job."""

    def enqueue(self, job_id: str, attempt: int, priority: int) -> None:
        """Offer an attempt to the workers. Doing it again changes nothing."""

    def withdraw(self, job_id: str, attempt: int) -> None:
        """Offer it no more."""

    def holders(self, attempts: Iterable[Delivered]) -> dict[Delivered, str | None]:
        """Of the attempts that are still to be delivered or in hand: the worker, or None."""

    def offered_before(self, seconds: float) -> list[Delivered]:
        """All attempts that were enqueued longer ago and are still remembered, done or not."""

    def forget(self, attempts: Iterable[Delivered]) -> None:
        """Remember nothing of them."""

    def close(self) -> None:
        """Give back what was opened."""


def open_delivery(database_url: str) -> Delivery:
    """The delivery of a hub's jobs. Its library is imported here, when it is first needed."""
    from ticket_hub_api.jobs.dbos_delivery import DbosDelivery

    return DbosDelivery(database_url)
