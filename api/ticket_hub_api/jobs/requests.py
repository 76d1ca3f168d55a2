"""What may be asked for: names that the operator offers, and a range for every number.

No field is a path or an address of another machine.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ticket_hub.recipe.axes import CONTROLS
from ticket_hub.recipe.experiment_spec import OWN

__all__ = ["HEADS", "FindIn", "JobIn", "RetrainIn", "changes_of"]

Head: TypeAlias = Literal["auto", "keep", "reset", "reset-masked"]
HEADS: tuple[Head, ...] = get_args(Head)
"""What may become of the output layer."""
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"


def _refuse_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # noqa: TRY004 - as pydantic wants it
    return value


NUMBER = BeforeValidator(_refuse_boolean)
Named: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Repository: TypeAlias = Annotated[str, Field(pattern=rf"^{_NAME}/{_NAME}$", max_length=193)]
Address: TypeAlias = Annotated[
    str,
    Field(
        pattern=rf"^{_NAME}/{_NAME}(?:@[A-Za-z0-9_][A-Za-z0-9._+-]{{0,99}})?"
        r"(?::(?:best|all|[0-9]{1,4}(?:,[0-9]{1,4}){0,31}|d[01]?\.[0-9]{1,6}))?$",
        max_length=400,
    ),
]
_BUILT_IN = [name for name in CONTROLS.known() if name != OWN]
Control: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", examples=_BUILT_IN)]
"""A control that is built in or that a plugin of the operator has; which there are is known where
PyTorch is: see `ticket_hub_api.jobs.planning`."""
Controls: TypeAlias = Annotated[tuple[Control, ...], Field(min_length=1, max_length=32)]
Seed: TypeAlias = Annotated[int, Field(ge=0, le=2**31 - 1), NUMBER]


class _Training(BaseModel):
    """Numbers of the training that may differ from the recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    iterations: Annotated[int, Field(ge=1, le=1_000_000), NUMBER] | None = None
    batch_size: Annotated[int, Field(ge=1, le=4096), NUMBER] | None = None
    lr: Annotated[float, Field(gt=0, le=10), NUMBER] | None = None
    evaluate_every: Annotated[int, Field(ge=1, le=100_000), NUMBER] | None = None
    trials: Annotated[int, Field(ge=1, le=32), NUMBER] | None = None
    priority: Annotated[int, Field(ge=0, le=9), NUMBER] = 5


class FindIn(_Training):
    """Search for tickets and push their bundle.

    Attributes:
        recipe: one of those that the operator allows.
        repository: `owner/name` that the bundle goes to.
        private: of a new repository; without it, the hub's default.
        levels, seed: of the search, where they differ from the recipe.
        priority: 9 is the most urgent; above 5 it takes an administrator.
    """

    kind: Literal["find"]
    recipe: Named
    repository: Repository
    private: bool | None = None
    levels: Annotated[int, Field(ge=1, le=60), NUMBER] | None = None
    seed: Seed | None = None


class RetrainIn(_Training):
    """Train a ticket beside its controls and keep the evidence.

    Attributes:
        ticket: `owner/name[@revision][:levels]`; without levels the best one.
        dataset: one of those that the operator allows; without one, what it was found on.
        against: the controls; `GET /jobs/choices` has those of this hub.
        reinits: how often each control that draws something is drawn for each ticket.
        head: what becomes of the output layer.
        seed: of the data orders and the controls' draws.
        patience: iterations without a new minimum after which a network is stopped; 0 is off.
        priority: 9 is the most urgent; above 5 it takes an administrator.
    """

    kind: Literal["retrain"]
    ticket: Address
    dataset: Named | None = None
    against: Controls = ("reinit", "dense")
    reinits: Annotated[int, Field(ge=1, le=32), NUMBER] = 1
    head: Head = "auto"
    seed: Seed = 0
    patience: Annotated[int, Field(ge=0, le=1_000_000), NUMBER] | None = None


JobIn: TypeAlias = Annotated[FindIn | RetrainIn, Field(discriminator="kind")]
"""What a client submits."""


def changes_of(spec: dict[str, Any]) -> dict[str, Any]:
    """The fields of a recipe that a request changes, as `Recipe.replace` takes them."""
    keys = {
        "iterations": "training.iterations",
        "batch_size": "training.batch_size",
        "lr": "training.lr",
        "evaluate_every": "training.evaluate_every",
        "patience": "training.patience",
    }
    if spec["kind"] == "find":
        keys |= {"levels": "search.levels", "trials": "search.trials", "seed": "search.seed"}
    return {path: spec[key] for key, path in keys.items() if spec.get(key) is not None}
