"""What an experiment would train: from a ticket's name to a plan, with nothing begun yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ticket_hub.bundle import Manifest
from ticket_hub.bundle.needed_plugins import demand_data
from ticket_hub.data import keep, load, suggested
from ticket_hub.errors import EvidenceError, RecipeError
from ticket_hub.hub.address import PlaceLike, named_place
from ticket_hub.networks import blank_module
from ticket_hub.networks.passing import takes_tokens
from ticket_hub.recipe import DataSpec, Recipe
from ticket_hub.recipe.experiment_spec import spec_of
from ticket_hub.search.pretrained import pinned_data
from ticket_hub.transfer.folder import default_folder
from ticket_hub.transfer.own import Own, open_own
from ticket_hub.transfer.source import Source, open_source
from ticket_hub.transfer.spec import (
    OWN,
    ExperimentSpec,
    HeadPolicy,
    ImagePolicy,
    Request,
    StartPolicy,
)
from ticket_hub.transfer.terms import USUAL, Terms, redrawn

__all__ = [
    "Plan",
    "kept_data",
    "plan",
    "plan_for",
    "request_for",
    "target_recipe",
]

TRIALS = 5
"""As many as a record of evidence may have."""
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


def plan(
    place: PlaceLike,
    terms: Terms = USUAL,
    *,
    dataset: object = None,
    own: PlaceLike | None = None,
    data_dir: Path | str | None = None,
) -> Plan:
    """Say what `retrain` with these arguments would train, and refuse what cannot be.

    Examples that are given in place of a data set's name are kept; see `kept_data`.

    Raises:
        RecipeError: an unknown control, policy or key, or an impossible value.
        TicketNotFoundError, BundleError, EvidenceError: as `retrain`.
    """
    terms.check()
    source, levels = open_source(named_place(place), terms.hub)
    changes = dict(terms.changes or {})
    if dataset is not None:
        dataset, about = kept_data(dataset, lambda: [source], changes, data_dir)
        terms = replace(terms, changes=about | changes)
    return plan_for(source, levels, terms, dataset=dataset, own=own)


def kept_data(
    dataset: object,
    sources: Callable[[], Sequence[Source]],
    changes: Mapping[str, Any],
    data_dir: Path | str | None,
) -> tuple[str, dict[str, Any]]:
    """The name of a data set, and what examples say that were given in place of a name.

    They are kept in the folder of the data sets. A tenth of them is held out, at most 5,000, and
    what they cannot be, such as flipped where they are no images, is left out. Pictures of several
    sizes are scaled to `data.size`, or to the size that the networks were made for.

    Args:
        dataset: a name, or what `ticket_hub.data.keep` takes.
        sources: gives the tickets, whose networks read numbers of words or others; called for
            examples alone.
        changes: what is asked for otherwise: key of the recipe -> value.
        data_dir: where the data sets lie.

    Raises:
        DataError: as `ticket_hub.data.keep`.
        NetworkError: the network of the tickets is not registered here.
    """
    if isinstance(dataset, str):
        return dataset, {}
    networks = [source.bundle.manifest.architecture.architecture() for source in sources()]
    tokens = any(takes_tokens(blank_module(network)) for network in networks)
    asked = changes.get("data.size")
    size = asked if type(asked) is int else max((each.height for each in networks), default=0)
    name = keep(dataset, data_dir, tokens=tokens, size=size)
    return name, suggested(load(DataSpec(name=name, validation=1), data_dir))


def plan_for(
    source: Source,
    levels: tuple[int, ...],
    terms: Terms,
    *,
    dataset: str | None,
    own: PlaceLike | None,
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
    spec_of(spec.to_table())  # which refuses a seed that could not be read again
    demand_data(source.bundle.manifest.plugins, recipe.data.name)
    if OWN in terms.against and own is None:
        raise RecipeError(
            "The control 'own' needs the target's own ticket.", "Name it with `--own ADDRESS`."
        )
    controls = tuple(dict.fromkeys([*terms.against, *([OWN] if own is not None else [])]))
    request = request_for(levels, replace(terms, against=controls))
    tickets = None
    if own is not None:
        tickets = open_own(named_place(own), terms.hub, source=source, levels=levels, spec=spec)
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
    # What the source of an imported ticket says, and for the rest the caller's own words. Fresh
    # weights of a network whose initialization nobody knows are drawn as its modules do.
    missing = [key for key in NEEDED if manifest.recipe.training is None and key not in changes]
    if missing or (manifest.recipe.data is None and "data.name" not in changes):
        raise RecipeError(
            f"How this ticket was found is not known: its {' and '.join(manifest.recipe.unknown)}.",
            "Import it with a recipe (`ticket import ... --recipe NAME`), or name the data with "
            f"--dataset and set {', '.join(missing or NEEDED)}.",
        )
    network = manifest.architecture
    own = {"name": network.name, "options": dict(network.options), "init": "default"}
    table = manifest.recipe.to_table()
    # A recipe has a search, and an experiment searches nothing.
    table |= {"network": table["network"] or own, "search": {"levels": 0}}
    table |= {part: table[part] or {} for part in ("data", "training", "pruning")}
    for key, value in changes.items():
        part, _, name = key.partition(".")
        table[part][name] = value
    return Recipe.from_table(table)
