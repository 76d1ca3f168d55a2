"""A work's folder: everything that a process, an engine or a page needs to know of it.

    work.json       what is to be done: `base.Work`; written first
    lock            owned by the process that does it, until that process is gone
    progress.jsonl  how far it is, one JSON object a line; see `progress`
    result.json     what it came to; written once, last
    failure.json    what went wrong: error, problem, remedy, exit_code
    process.json    where it was started
    cancelled       somebody asked to stop it
    log             what the process wrote, for people

What is done lies in the work's run folder, which may be anywhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub import errors
from ticket_hub.durable import write_bytes, write_json
from ticket_hub.engines.base import Status, Work
from ticket_hub.errors import EngineError, RunLockedError, TicketHubError, WorkLostError
from ticket_hub.exit_codes import INTERNAL, exit_code
from ticket_hub.runs.lock import is_held

__all__ = ["FolderEngine", "WorkFolder", "internal_error", "works_folder"]

FORMAT = 1


@dataclass(frozen=True)
class WorkFolder:
    """One work on disk."""

    path: Path

    @property
    def lock(self) -> Path:
        """Held while a process does the work."""
        return self.path / "lock"

    @property
    def progress(self) -> Path:
        """Where the process tells how far it is."""
        return self.path / "progress.jsonl"

    @property
    def log(self) -> Path:
        """What the process wrote to its standard streams."""
        return self.path / "log"

    @property
    def is_running(self) -> bool:
        """Whether a process does the work at this moment."""
        return is_held(self.lock)

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked to stop the work since it was last submitted."""
        return (self.path / "cancelled").exists()

    def prepare(self, work: Work) -> None:
        """Say what is to be done, and forget how an earlier attempt ended.

        Raises:
            RunLockedError: another work is being done here.
            StorageError: the folder cannot be written.
        """
        table = _table(self.path / "work.json")
        if table == {"format": FORMAT, "work": json.loads(json.dumps(work.to_table()))}:
            if not self.is_running:
                self._forget("failure.json", "cancelled")
            return
        if self.is_running:
            raise RunLockedError(
                f"Another work is being done in {self.path}.", "Wait until it ends, or cancel it."
            )
        self._forget("failure.json", "cancelled", "result.json")
        write_json(self.path / "work.json", {"format": FORMAT, "work": work.to_table()})

    def read(self) -> Work:
        """What is to be done.

        Raises:
            EngineError: there is no work here, or one of a later format.
        """
        table = _table(self.path / "work.json")
        if table is None or table.get("format") != FORMAT:
            raise EngineError(
                f"{self.path} holds no work that this version of Ticket Hub can do.",
                "Submit the work again.",
            )
        return Work.from_table(table["work"])

    def status(self) -> Status:
        """How far the work is, as the files tell; `queued` is known to its engine alone."""
        if self.is_running:
            return Status(state="running")
        if (self.path / "result.json").exists():
            return Status(state="finished")
        error = self.read_failure()
        if error is not None:
            return Status(state="failed", error=error)
        if self.is_cancelled:
            return Status(state="cancelled")
        return Status(state="stopped" if self.progress.exists() else "new")

    def result(self) -> dict[str, Any]:
        """What a finished work came to, as plain values.

        Raises:
            TicketHubError: what it failed with.
            WorkLostError: it was stopped.
            EngineError: it is not finished.
        """
        status = self.status()
        if status.error is not None:
            raise status.error
        table = _table(self.path / "result.json")
        if status.state == "finished" and table is not None:
            return dict(table["result"])
        if status.state in {"stopped", "cancelled"}:
            raise WorkLostError(
                f"The work in {self.path} ended before it was done: it was stopped or killed, or "
                "its machine is gone.",
                "The same command goes on from its last checkpoint; what it said is in its `log`.",
            )
        raise EngineError(f"The work in {self.path} is not done yet.", "Wait for it.")

    def write_result(self, result: dict[str, Any]) -> None:
        """Say what the work came to; it is finished with that."""
        self._forget("failure.json")
        write_json(self.path / "result.json", {"format": FORMAT, "result": result})

    def write_failure(self, error: TicketHubError, code: int | None = None) -> None:
        """Say what went wrong, so that any process can raise it again."""
        write_json(
            self.path / "failure.json",
            {
                "format": FORMAT,
                "error": type(error).__name__,
                "problem": error.problem,
                "remedy": error.remedy,
                "exit_code": exit_code(error) if code is None else code,
            },
        )

    def read_failure(self) -> TicketHubError | None:
        """What went wrong, as the error that it was; None where nothing did."""
        table = _table(self.path / "failure.json")
        if table is None:
            return None
        name = str(table.get("error"))
        kind = getattr(errors, name) if name in errors.__all__ else EngineError
        return kind(str(table.get("problem")), str(table.get("remedy")))

    def mark_cancelled(self) -> None:
        """Note that somebody asked to stop the work."""
        write_bytes(self.path / "cancelled", b"")

    def _forget(self, *names: str) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)


def works_folder(run: Path) -> Path:
    """Where the works of a run lie: beside it, so that who reaches the run reaches them."""
    return run.parent / ".works" / run.name


def internal_error(error: Exception, log: Path) -> tuple[EngineError, int]:
    """A bug, told as people are told, with its exit code."""
    told = EngineError(
        f"Something went wrong that should not ({type(error).__name__}: {error}). The details are "
        f"in {log}.",
        "What was finished before is on disk. Please report this, with that file.",
    )
    return told, INTERNAL


def _table(path: Path) -> dict[str, Any] | None:
    try:
        table = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return table if isinstance(table, dict) else None


class FolderEngine:
    """An engine whose works leave what they came to in their folders, wherever they were done."""

    def result(self, folder: Path) -> dict[str, Any]:
        """What a finished work came to, as plain values.

        Raises:
            TicketHubError: what it failed with.
            WorkLostError: it was stopped.
            EngineError: it is not finished.
        """
        return WorkFolder(folder).result()
