"""Who is told of what becomes of repositories, in the transaction in which it happens.

Rooms above the store keep rows of their own about commits. They hand the database a listener; all
its transactions carry it along, so that whoever changes a repository need not know who listens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy.orm import Session

from ticket_hub_api.store.tables import Commit, Repository
from ticket_hub_api.store.trees import Files

__all__ = ["INFO", "Listener", "listeners_of", "tell_changed"]

INFO = "listeners"
"""Where a session keeps whom it tells of changes."""


class Listener(Protocol):
    """Hears of every commit and change; what it raises ends the transaction."""

    def committed(
        self, session: Session, repository: Repository, commit: Commit, files: Files
    ) -> None:
        """A commit was made, and its branch leads to it."""

    def changed(self, session: Session, repository: Repository) -> None:
        """A repository has another name, owner or visibility."""

    def judged(self, session: Session, repository: Repository, facts: Mapping[str, Any]) -> None:
        """An experiment about a repository's tickets came in; its facts have the verdicts."""

    def deleted(self, session: Session, repository_id: str) -> None:
        """A repository is about to be deleted."""


def listeners_of(session: Session) -> Sequence[Listener]:
    """Who listens to a transaction of `Database`."""
    found: Sequence[Listener] = session.info.get(INFO, ())
    return found


def tell_changed(session: Session, repository: Repository) -> None:
    """Say that a repository has another name, owner or visibility."""
    for listener in listeners_of(session):
        listener.changed(session, repository)
