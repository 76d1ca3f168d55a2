"""What an experiment would train: from a ticket's name to a plan, with nothing begun yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypedDict, cast, get_args

from ticket_hub.bundle import Manifest
from ticket_hub.bundle.needed_plugins import demand_data
from ticket_hub.errors import EvidenceError, RecipeError
from ticket_hub.evidence import Rule
from ticket_hub.evidence.verdict import ALPHA, MARGIN
from ticket_hub.recipe import PartialRecipe, Recipe
from ticket_hub.recipe.rules import MAX_TRIALS
from ticket_hub.runs.resources import ResourceOptions, Resources, check_keywords
from ticket_hub.search.pretrained import pinned_data
from ticket_hub.transfer.controls import check_controls, is_drawn
from ticket_hub.transfer.folder import default_folder
from ticket_hub.transfer.own import Own, open_own
from ticket_hub.transfer.source import Source, open_source
from ticket_hub.transfer.spec import (
    OWN,
    ExperimentSpec,
    FreshPolicy,
    HeadPolicy,
    ImagePolicy,
    Request,
    StartPolicy,
)

__all__ = [
    "USUAL",
    "ExperimentOptions",
    "Plan",
    "TermOptions",
    "Terms",
    "plan",
    "plan_for",
    "redrawn",
    "request_for",
    "split_options",
    "target_recipe",
]

TRIALS = 5
"""As many as a record of evidence may have."""
MAX_REINITS = 100
CHANGEABLE = ("training.", "data.")
NEEDED = (
    "training.iterations",
    "training.batch_size",
    "training.optimizer",
    "training.lr",
    "training.evaluate_every",
)
"""What must be said where the training of a search is not known."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would be trained.

    Attributes:
        source: the tickets.
        spec: what decides every result.
        request: levels, controls and trials.
        own: the target's own tickets, where there are any.
    """

    source: Source
    spec: ExperimentSpec
    request: Request
    own: Own | None = None

    @property
    def run_folder(self) -> Path:
        """Where it is done unless another folder is named."""
        return default_folder(self.spec, self.source)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is asked of every experiment alike, whatever ticket is trained on whatever data.

    Attributes:
        against: the controls; see `ticket_hub.transfer.controls`.
        trials: repetitions; None is 5. With more than the bundle has, its tickets are taken again
            with other data orders.
        changes: key of the recipe -> value that differs from the ticket's own, `training.` and
            `data.` only: `{"training.iterations": 20000}`.
        head: what becomes of the output layer; see `ticket_hub.transfer.head`.
        images: what becomes of images of another size; see `ticket_hub.transfer.images`.
        seed: of the data orders and of everything that controls draw.
        hub: where tickets are pulled from, a folder or the address of a server; None is the
            default hub.
        fresh: where networks with fresh weights begin beside a rewound ticket: `rewound`, after as
            many iterations as its theta0 has behind it, or `init`, at their initialization.
        start: what the tickets begin with: `theta0`, or `signed`: its signs over fresh sizes, and
            what is never pruned fresh. They then have no training behind them either.
        reinits: how often each control that draws something (fresh weights, a random mask) is
            drawn for every ticket. Its draws are averaged for each ticket before anything is
            compared: n stays the number of tickets.
        margin: how far below a reference the ticket may be and still is not inferior: 0.002 is
            0.2 points of accuracy.
        alpha: chance of any false word in all that is asked for.
    """

    against: Sequence[str] = ("reinit", "dense")
    trials: int | None = None
    changes: Mapping[str, Any] | None = None
    head: str = "auto"
    images: str = "resize"
    seed: int = 0
    hub: str | Path | None = None
    fresh: str = "rewound"
    start: str = "theta0"
    margin: float = MARGIN
    alpha: float = ALPHA
    reinits: int = 1

    def check(self) -> None:
        """Refuse controls, trials and policies that cannot be.

        Raises:
            RecipeError: the nearest name is given.
        """
        check_controls(list(self.against))
        Rule(margin=self.margin, alpha=self.alpha).check()
        _check_policy("head", self.head, get_args(HeadPolicy))
        _check_policy("image", self.images, get_args(ImagePolicy))
        _check_policy("fresh", self.fresh, get_args(FreshPolicy))
        _check_policy("start", self.start, get_args(StartPolicy))
        if not self.against:
            raise RecipeError(
                "There is no control to compare with.", "Name at least one, as `reinit`."
            )
        redrawn(self.against, self.reinits)
        if self.trials is not None and self.trials < 1:
            raise RecipeError(f"There cannot be {self.trials} trials.", "Train at least three.")
        if self.trials is not None and self.trials > MAX_TRIALS:
            raise RecipeError(
                f"There cannot be {self.trials} trials.", f"Train at most {MAX_TRIALS:,}."
            )


class TermOptions(TypedDict, total=False):
    """The fields of `Terms`, as keywords of the library's front doors."""

    against: Sequence[str]
    trials: int | None
    changes: Mapping[str, Any] | None
    head: str
    images: str
    seed: int
    hub: str | Path | None
    fresh: str
    start: str
    margin: float
    alpha: float
    reinits: int


class ExperimentOptions(TermOptions, ResourceOptions, total=False):
    """What is asked for, and what training may use."""


def split_options(
    call: Callable[..., object], options: ExperimentOptions
) -> tuple[Terms, Resources]:
    """The keywords of a front door as the two values that stand for them.

    Raises:
        TypeError: it has no such keyword.
    """
    check_keywords(call, options, Terms, Resources)
    given: dict[str, Any] = dict(options)
    terms = {each.name: given.pop(each.name) for each in fields(Terms) if each.name in given}
    return Terms(**terms), Resources(**given)


USUAL = Terms()
"""What an experiment asks for where nothing else is said."""


def _check_policy(kind: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise RecipeError(f"There is no {kind} policy {name!r}.", f"Choose {', '.join(known)}.")


def plan(
    place: str | Path,
    terms: Terms = USUAL,
    *,
    dataset: str | None = None,
    own: str | Path | None = None,
) -> Plan:
    """Say what `retrain` with these arguments would train, and refuse what cannot be.

    Raises:
        RecipeError: an unknown control, policy or key, or an impossible value.
        TicketNotFoundError, BundleError, EvidenceError: as `retrain`.
    """
    terms.check()
    source, levels = open_source(str(place), terms.hub)
    return plan_for(source, levels, terms, dataset=dataset, own=own)


def plan_for(
    source: Source,
    levels: tuple[int, ...],
    terms: Terms,
    *,
    dataset: str | None,
    own: str | Path | None,
) -> Plan:
    """As `plan`, of a bundle that is open already and terms that are checked.

    Raises:
        RecipeError: an unknown key, or an impossible value.
        DataNotFoundError: a plugin that the bundle names brings the data, and is not here.
        EvidenceError: the target's own ticket cannot be compared with these.
    """
    if source.bundle.manifest.theta0 == "signs" and terms.start != "signed":
        raise EvidenceError(
            "These tickets have the signs of theta0 only.",
            "Train them from fresh sizes with `--start signed` (in Python start='signed').",
        )
    recipe = target_recipe(source.bundle.manifest, dataset, terms.changes or {})
    pinned_data(recipe.data)  # whose tokenizer is fetched where it is not here yet
    spec = ExperimentSpec(
        network=recipe.network,
        theta0=source.theta0,
        data=recipe.data,
        training=recipe.training,
        head=cast("HeadPolicy", terms.head),
        images=cast("ImagePolicy", terms.images),
        seed=terms.seed,
        init_seed=recipe.search.seed,
        fresh_iterations=source.starts if terms.fresh == "rewound" and any(source.starts) else (),
        start=cast("StartPolicy", terms.start),
    )
    demand_data(source.bundle.manifest.plugins, recipe.data.name)
    if OWN in terms.against and own is None:
        raise RecipeError(
            "The control 'own' needs the target's own ticket.", "Name it with `--own ADDRESS`."
        )
    controls = tuple(dict.fromkeys([*terms.against, *([OWN] if own is not None else [])]))
    request = request_for(levels, replace(terms, against=controls))
    tickets = None
    if own is not None:
        tickets = open_own(str(own), terms.hub, source=source, levels=levels, spec=spec)
    return Plan(source=source, spec=spec, request=request, own=tickets)


def request_for(levels: tuple[int, ...], terms: Terms) -> Request:
    """What is asked for of these levels.

    Raises:
        RecipeError: several draws of controls that draw nothing.
    """
    controls = tuple(dict.fromkeys(terms.against))
    return Request(
        levels=levels,
        controls=controls,
        trials=terms.trials or TRIALS,
        reinits=terms.reinits,
        redrawn=redrawn(controls, terms.reinits),
        margin=terms.margin,
        alpha=terms.alpha,
    )


def redrawn(controls: Sequence[str], reinits: int) -> tuple[str, ...]:
    """The controls that are drawn several times for each ticket; none where once is asked for.

    Raises:
        RecipeError: it is out of bounds, or no control draws anything.
    """
    if not 1 <= reinits <= MAX_REINITS:
        raise RecipeError(
            f"A control cannot be drawn {reinits} times for each ticket.",
            f"Draw it at least once, and at most {MAX_REINITS} times.",
        )
    if reinits == 1:
        return ()
    found = tuple(name for name in controls if is_drawn(name))
    if not found:
        raise RecipeError(
            "None of these controls draws anything that could be drawn again.",
            "Add one that does, as `reinit` or `random`, or leave out --reinits.",
        )
    return found


def target_recipe(manifest: Manifest, dataset: str | None, changes: Mapping[str, Any]) -> Recipe:
    """The recipe of the target: its own data and training, the ticket's network.

    Args:
        manifest: of the ticket's bundle.
        dataset: the target's; None is the ticket's own.
        changes: key of the recipe -> value that differs from the ticket's own.

    Raises:
        RecipeError: an unknown key, an impossible value, or something that the ticket's bundle
            does not say and the caller does not either.
    """
    if manifest.own is not None:
        raise EvidenceError(
            f"These tickets were trained {manifest.own.sentence}.",
            "Train them beside their controls in that loop: `ticket_hub.own.Comparison`.",
        )
    for key in changes:
        if not key.startswith(CHANGEABLE):
            raise RecipeError(
                f"{key} cannot be changed when a ticket is trained: network and mask are given.",
                "Change keys that begin with `training.` or `data.`.",
            )
    changes = ({"data.name": dataset} if dataset else {}) | dict(changes)
    if isinstance(manifest.recipe, Recipe):
        return manifest.recipe.replace({"search.rewind": "init"} | changes)
    return _completed(manifest, manifest.recipe, changes)


def _completed(manifest: Manifest, recipe: PartialRecipe, changes: Mapping[str, Any]) -> Recipe:
    """What the source of an imported ticket says, and for the rest the caller's own words.

    Fresh weights of a network whose initialization nobody knows are drawn as its modules do.
    """
    missing = [key for key in NEEDED if recipe.training is None and key not in changes]
    if missing or (recipe.data is None and "data.name" not in changes):
        raise RecipeError(
            f"How this ticket was found is not known: its {' and '.join(recipe.unknown)}.",
            "Import it with a recipe (`ticket import ... --recipe NAME`), or name the data with "
            f"--dataset and set {', '.join(missing or NEEDED)}.",
        )
    network = manifest.architecture
    own = {"name": network.name, "options": dict(network.options), "init": "default"}
    table = recipe.to_table()
    table |= {"network": table["network"] or own, "search": {"levels": 0}}
    table |= {part: table[part] or {} for part in ("data", "training", "pruning")}
    for key, value in changes.items():
        part, _, name = key.partition(".")
        table[part][name] = value
    return Recipe.from_table(table)
