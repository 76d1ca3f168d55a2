"""What is to be done, said completely, and what an engine is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from ticket_hub import plugins
from ticket_hub.errors import EngineError, TicketHubError
from ticket_hub.recipe import Recipe
from ticket_hub.recipe.spec import LATER
from ticket_hub.recipe.tables import build, to_table
from ticket_hub.transfer.spec import ExperimentSpec, Request

if TYPE_CHECKING:  # whoever waits for a work imports no PyTorch
    from ticket_hub.transfer.own import Own
    from ticket_hub.transfer.planning import Plan

__all__ = ["Engine", "Find", "OwnTickets", "Retrain", "State", "Status", "Work"]

State: TypeAlias = Literal["new", "queued", "running", "finished", "failed", "stopped", "cancelled"]
"""How far a work is.

`new`: never submitted. `queued`: waits for a slot. `running`: a process works on it. `finished`:
its result is on disk. `failed`: its failure is. `stopped`: its process has ended with neither,
because it was asked to stop, killed, or its machine died; submitted again, it goes on from its
checkpoints. `cancelled`: stopped on request; submitted again, it goes on, too.
"""


@dataclass(frozen=True, kw_only=True)
class Find:
    """A search; see `ticket_hub.find`."""

    recipe: Recipe
    theta0: Literal["auto", "dense", "reference"] = field(default="auto", metadata=LATER)
    shared_with: tuple[str, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, kw_only=True)
class OwnTickets:
    """The target's own tickets; see `ticket_hub.transfer.own`.

    Attributes:
        bundle, bundle_id, pulled: as in `Retrain`.
        levels, own_levels: each level of the ticket, and the own level that goes with it.
    """

    bundle: str
    bundle_id: str
    pulled: str = ""
    levels: tuple[int, ...]
    own_levels: tuple[int, ...]

    @classmethod
    def of(cls, own: Own) -> OwnTickets:
        """As a plan has them."""
        return cls(
            bundle=str(own.source.bundle.path.resolve()),
            bundle_id=own.source.id,
            pulled=own.source.pulled,
            levels=tuple(own.levels),
            own_levels=tuple(own.levels.values()),
        )


@dataclass(frozen=True, kw_only=True)
class Retrain:
    """One experiment with the tickets of one bundle; see `ticket_hub.retrain`.

    Attributes:
        bundle: its folder, already pulled: works have no hub's token.
        bundle_id: what that bundle must be.
        pulled: `owner/name@commit` where it came from a hub, else empty.
        spec: what decides every result.
        request: levels, controls and trials.
        who: whose evidence this is, for the record.
        shared: the folder of the transfer that this is a cell of, whose cells take over equal
            networks from each other; empty where it is none.
        own: the target's own tickets, for the control `own`; None where there are none.
    """

    bundle: str
    bundle_id: str
    pulled: str = ""
    spec: ExperimentSpec
    request: Request
    who: str = ""
    shared: str = ""
    own: OwnTickets | None = None

    @classmethod
    def of(cls, plan: Plan, *, who: str = "", shared: str = "") -> Retrain:
        """What `ticket_hub.transfer.planning.plan` has planned."""
        return cls(
            bundle=str(plan.source.bundle.path.resolve()),
            bundle_id=plan.source.id,
            pulled=plan.source.pulled,
            spec=plan.spec,
            request=plan.request,
            who=who,
            shared=shared,
            own=None if plan.own is None else OwnTickets.of(plan.own),
        )


@dataclass(frozen=True, kw_only=True)
class Work:
    """One search or one retraining, said completely.

    Attributes:
        find, retrain: what to do; exactly one of them.
        run_folder: where it is done; the process that does it must reach this path.
        data_dir: where the data sets lie.
        device: `cpu`, `cuda`, `cuda:1`; None takes CUDA where the process sees a device.
        workers: training processes on a CPU, each with one thread; None leaves it to the slot.
        directory: what relative paths in a recipe (`folder:./mine`) are relative to.
        checkpoint_seconds: between two checkpoints; the most that a dying machine costs.
        accept_environment: go on with a run that was begun in another environment.
        imports: files and modules that register the user's own networks and data sets; by
            default those that this process was given.
    """

    find: Find | None = None
    retrain: Retrain | None = None
    run_folder: str
    data_dir: str
    device: str | None = None
    workers: int | None = None
    directory: str = ""
    checkpoint_seconds: float = 60.0
    accept_environment: bool = False
    imports: tuple[str, ...] = field(default_factory=lambda: tuple(plugins.given()))

    def __post_init__(self) -> None:
        """Refuse what is no work.

        Raises:
            EngineError: not exactly one thing to do, or a folder that depends on where one is.
        """
        if (self.find is None) == (self.retrain is None):
            raise EngineError("A work is one search or one retraining.", "Give exactly one.")
        for place in (self.run_folder, self.data_dir, self.directory or "/"):
            if not Path(place).is_absolute():
                raise EngineError(
                    f"{place!r} is not an absolute path, and a work may run anywhere.",
                    "Give the whole path.",
                )

    @property
    def kind(self) -> Literal["find", "retrain"]:
        """What is to be done."""
        return "retrain" if self.find is None else "find"

    def to_table(self) -> dict[str, Any]:
        """Plain values, as JSON takes them; `from_table` gives the work back."""
        return to_table(self)

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Work:
        """A work from plain values.

        Raises:
            RecipeError: an unknown key or an impossible value.
            EngineError: as the constructor.
        """
        return build(cls, table)


@dataclass(frozen=True, kw_only=True)
class Status:
    """How far a work is.

    Attributes:
        state: see `State`.
        error: with `failed`, what went wrong.
    """

    state: State
    error: TicketHubError | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens unless it is submitted again."""
        return self.state not in {"queued", "running"}


@runtime_checkable
class Engine(Protocol):
    """Where works are done. Works are known by their folders, also to an engine that is new."""

    @property
    def slots(self) -> int:
        """How many works can be done at once, as far as is known."""

    def submit(self, folder: Path, work: Work) -> None:
        """Have a work done, now or when there is a slot.

        A work that is queued, running or finished is left alone; one that failed, was stopped or
        cancelled goes on where it was.

        Raises:
            RunLockedError: another work is being done in that folder.
            EngineError: the engine cannot be had.
            StorageError: the folder cannot be written.
        """

    def poll(self, folder: Path) -> Status:
        """How far a work is. It is asked now and then: it also starts what waits."""

    def cancel(self, folder: Path) -> None:
        """Stop a work: it keeps a checkpoint if it can, and is gone within ten seconds."""

    def result(self, folder: Path) -> dict[str, Any]:
        """What a finished work came to, as plain values; see `ticket_hub.engines.execute`.

        Raises:
            TicketHubError: what it failed with.
            WorkLostError: it was stopped.
            EngineError: it is not finished.
        """

    def close(self) -> None:
        """Let go of what the engine holds. Works that run go on running."""
