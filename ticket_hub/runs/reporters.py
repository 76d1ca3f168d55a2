"""Reporters are looked up by name; a user's own function joins with one decorator.

A reporter is told what training comes to, an event at a time, and records it where people look:

    @register_reporter("my-tracker")  # may ask for: folder, that of the run
    def my_tracker(folder: Path) -> Reporter: ...

| event | fields |
|---|---|
| `progress` | `level`, `member`, `iteration`, `iterations`, both accuracies as below |
| `level` | `index`, `density`, `test_accuracy`, `early_stop`, `resumed`: of a search |
| `result` | `level`, `control`, `trial`, `accuracy`, `early_stop`, `resumed`: of a retraining |
| `verdict` | `level`, `verdict`, `reason`: of a retraining, when all is trained |
| `notice` | `text`: something unusual |
| `figure` | `name`, `path`: a PNG of what was found, when all is trained |
| `ended` | `state`: `finished`, `stopped` or `failed`; the last |

`event` is the first field of each, and `work` the last, where several are done at the same time.
`validation_accuracy` and `test_accuracy` are in [0, 1]; None before the first reading. `level` of a
`progress` is the one that is searched; None of a retraining, whose members are named by theirs, and
of a search in parts, each of which is at a level of its own.
"""

from __future__ import annotations

import itertools
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ticket_hub.durable import explaining
from ticket_hub.errors import PluginError, StoppedError, TicketHubError
from ticket_hub.file_system import private
from ticket_hub.registry import Registry, supply
from ticket_hub.table import finite

if TYPE_CHECKING:  # whoever asks for the names imports no PyTorch
    from ticket_hub.runs.level import Level
    from ticket_hub.training import Progress

__all__ = [
    "REPORTERS",
    "Events",
    "Log",
    "Reporter",
    "append_event",
    "end_line",
    "register_reporter",
]

Reporter: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Is told one event after another; see above for what they have."""
M = TypeVar("M", bound=Callable[..., Reporter])

REPORTERS: Registry[Callable[..., Reporter]] = Registry(
    "--log", gives=("folder",), homes=(__name__, "ticket_hub.runs.trackers")
)
"""What `--log` takes."""


WITH_FIGURES: set[str] = set()
"""The names of those that figures are drawn for."""


def register_reporter(name: str, *, figures: bool = False) -> Callable[[M], M]:
    """Register a function that makes a reporter of a run.

    The run's folder is there when the first event is told. After an interruption a new reporter
    goes on where the one before left off; levels that were done are told again, as `resumed`. Of a
    search in parts on an engine, all is told when the parts are put together.

    Args:
        name: for `--log`.
        figures: whether it takes figures: they are drawn for those that do.
    """
    if figures:
        WITH_FIGURES.add(name)
    return REPORTERS.register(name)  # type: ignore[return-value]


class Events(ABC):
    """Makes events of what training says, and tells them one by one."""

    def observe(self, progress: Progress) -> None:
        """A member got so far."""
        self.tell("progress", **vars(progress))

    def level(self, level: Level) -> None:
        """A level of a search is on disk."""
        self.tell("level", **vars(level.summary), resumed=level.resumed)

    def notify(self, text: str) -> None:
        """Something unusual happened."""
        self.tell("notice", text=text)

    @abstractmethod
    def tell(self, event: str, **facts: Any) -> None:  # noqa: ANN401 - plain values
        """Tell one event."""


@dataclass
class Log(Events):
    """Tells the reporters of a run.

    Attributes:
        folder: of the run. Until it is there, as for parts of a search that lie elsewhere, events
            are kept in memory.
        reporters: by their names.
        searched: the level that is trained, of a search; None of a retraining.
    """

    folder: Path
    reporters: Mapping[str, Reporter]
    searched: int | None = None
    _held: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, names: Iterable[str], folder: Path, *, searched: int | None = None) -> Log:
        """The log of a run by the names of its reporters.

        Raises:
            RecipeError: nobody has registered one of the names.
        """
        made = {name: supply(REPORTERS.get(name), {"folder": folder}) for name in names}
        return cls(folder, made, searched)

    def tell(self, event: str, **facts: Any) -> None:  # noqa: ANN401 - plain values
        """Tell one event.

        Raises:
            PluginError: a reporter fails; it is named.
            StorageError: a file cannot be written.
        """
        if event == "progress":
            facts = {"level": self.searched} | facts
        elif event == "level" and self.searched is not None:
            self.searched = facts["index"] + 1
        self._held.append({"event": event} | finite(facts))
        self.flush()

    @property
    def takes_figures(self) -> bool:
        """Whether somebody wants figures."""
        return not WITH_FIGURES.isdisjoint(self.reporters)

    def finish(self, figures: Iterable[Path] = ()) -> None:
        """Tell the figures, and that all is done; raises as `tell`."""
        for path in figures:
            self.tell("figure", name=path.stem, path=str(path))
        self.tell("ended", state="finished")

    def abandon(self, error: BaseException) -> None:
        """Tell that an error ended it; raises as `tell`."""
        is_stopped = isinstance(error, StoppedError | KeyboardInterrupt)
        self.tell("ended", state="stopped" if is_stopped else "failed")

    def flush(self) -> None:
        """Tell what is kept in memory, if the folder is there now.

        Raises:
            PluginError: a reporter fails; it is named.
            StorageError: a file cannot be written.
        """
        held, self._held = (self._held, []) if self.folder.is_dir() else ([], self._held)
        for event, (name, reporter) in itertools.product(held, self.reporters.items()):
            try:
                reporter(event)
            except TicketHubError:
                raise
            except Exception as error:
                raise PluginError(
                    f"The reporter {name!r} failed: {type(error).__name__}: {error}.",
                    f"Mend it, or leave out `--log {name}`; what was trained is kept.",
                ) from error


@register_reporter("jsonl")
def jsonl(folder: Path) -> Reporter:
    """Every event as a line of `log.jsonl` in the folder of the run."""
    path = folder / "log.jsonl"
    end_line(path)
    return lambda event: append_event(path, event)


def end_line(path: Path) -> None:
    """End the half a line that a machine which died may have left in a file of events.

    Raises:
        StorageError: the file cannot be written.
    """
    if path.is_file() and not path.read_bytes().endswith(b"\n"):
        _append(path, b"\n")


def append_event(path: Path, event: Mapping[str, Any]) -> None:
    """Append one JSON object as a line, with one call: a reader sees it whole or not yet.

    Raises:
        StorageError: the file cannot be written.
    """
    _append(path, json.dumps(finite(event), ensure_ascii=False).encode() + b"\n")


def _append(path: Path, data: bytes) -> None:
    with explaining(path):
        handle = os.open(path, private(os.O_WRONLY | os.O_APPEND | os.O_CREAT), 0o644)
        try:
            os.write(handle, data)
        finally:
            os.close(handle)
