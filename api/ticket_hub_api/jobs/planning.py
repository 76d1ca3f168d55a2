"""From a request to what exactly will be done: checked, pinned to a commit, and estimated."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticket_hub import plugins
from ticket_hub.bundle.layout import MANIFEST
from ticket_hub.errors import (
    BundleError,
    EvidenceError,
    HubAccessError,
    MemoryLimitError,
    PluginError,
    RecipeError,
)
from ticket_hub.estimate import Estimate, estimate_networks, shape_of
from ticket_hub.recipe import Recipe
from ticket_hub.recipe.axes import CONTROLS
from ticket_hub.recipe.experiment_spec import OWN
from ticket_hub.recipe.spec import level_count
from ticket_hub_api.accounts.principals import Principal, Scope
from ticket_hub_api.catalog.bundle_reading import read_experiments
from ticket_hub_api.jobs.choices import allowed_recipe, check_data
from ticket_hub_api.jobs.requests import FindIn, RetrainIn, changes_of
from ticket_hub_api.store.names import MODEL, RepositoryKey, check_repository_name, repository_key
from ticket_hub_api.store.objects import open_content
from ticket_hub_api.store.repositories import RepositoryRow, find, find_readable, owner_for
from ticket_hub_api.store.revisions import resolve_revision
from ticket_hub_api.store.tables import Account
from ticket_hub_api.store.trees import load_tree
from ticket_hub_api.torch_process import OpenHub

if TYPE_CHECKING:
    from ticket_hub.bundle import ExperimentRecord, Manifest
    from ticket_hub.bundle.spec import Experiments

__all__ = ["Planned", "check_controls", "offered_controls", "plan_job"]

DENSE_WEIGHTS = {"dense", "trained", "matched"}
"""What a control asks for that the survivors of a bundle cannot give; see `CONTROLS`."""
TRIALS = 5
GIGABYTE = 10**9


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A job that may be submitted.

    Attributes:
        title: one line for people.
        repository: where a find's bundle goes, or `owner/name@commit:levels` of a retrain.
        spec: everything a worker must know.
        estimate: what it will roughly need.
    """

    title: str
    repository: str
    spec: dict[str, Any]
    estimate: Estimate


def plan_job(hub: OpenHub, viewer: Principal, request: FindIn | RetrainIn) -> Planned:
    """Say what a request comes to, and refuse what this viewer may not or nobody can do.

    Raises:
        RecipeError, NetworkError, TicketNotFoundError: it names what is not offered or not there,
            or a value that cannot be.
        EvidenceError: a control needs weights that the bundle left out.
        MemoryLimitError: it needs more memory than the operator lets a job have.
        ApiError: the viewer may not read the ticket, or not write to the repository.
    """
    planned = (
        _find(hub, viewer, request)
        if isinstance(request, FindIn)
        else _retrain(hub, viewer, request)
    )
    limit, needed = hub.settings.job_memory_bytes, planned.estimate.memory_bytes
    if limit and needed > limit:
        raise MemoryLimitError(
            f"This job needs about {needed / GIGABYTE:.1f} GB of memory, and a job may have "
            f"{limit / GIGABYTE:.1f} GB here.",
            "Use fewer trials or a smaller batch_size, or ask the operator "
            "(TICKET_HUB_JOB_MEMORY_BYTES).",
        )
    return planned


def _find(hub: OpenHub, viewer: Principal, request: FindIn) -> Planned:
    table = request.model_dump(mode="json")
    recipe = allowed_recipe(hub.settings, request.recipe).replace(changes_of(table))
    namespace, _, name = request.repository.partition("/")
    with hub.database.read() as connection, Session(bind=connection) as session:
        owner: Account = owner_for(session, viewer, namespace)
        key = repository_key(MODEL, owner.name, check_repository_name(name))
        existing = find(session, key)
    target = owner.id if existing is None else existing.owner_id
    if viewer.role_in(target) not in {"write", "admin"}:  # a job has no administrator's rights
        raise HubAccessError(
            f"Your account has no right to write to {request.repository}.",
            "Name a repository under your own name, or of an organization that you may write to.",
        )
    from ticket_hub.networks import architecture_for

    shape = shape_of(recipe.data.name)
    if shape is None:
        raise RecipeError(
            f"Nothing is known of the data set {recipe.data.name!r} before it is read, so no job "
            "can be made of it.",
            "Choose a published data set.",
        )
    side = recipe.data.size or shape.height
    architecture = architecture_for(recipe.network, (shape.channels, side, side), shape.classes)
    levels = level_count(vars(recipe.pruning), vars(recipe.search))
    trials = recipe.search.trials
    return Planned(
        title=f"find {recipe.name} for {request.repository}",
        repository=f"{owner.name}/{name}",
        spec={"request": table, "recipe": recipe.to_table()},
        estimate=estimate_networks(
            architecture, recipe.training, shape, networks=trials * levels, at_once=trials
        ),
    )


def _retrain(hub: OpenHub, viewer: Principal, request: RetrainIn) -> Planned:
    place, _, levels = request.ticket.partition(":")
    full, _, revision = place.partition("@")
    reader = replace(viewer, scope=Scope.READ)  # a job has no administrator's rights
    with hub.database.read() as connection:
        repository = find_readable(connection, reader, RepositoryKey(MODEL, full))
        commit = resolve_revision(connection, repository, revision or "main").oid
    manifest, experiments = _bundle(hub, repository, commit)
    check_controls(manifest, request)
    recipe = _target(manifest, request)
    check_data(hub.settings, recipe.data.name)
    chosen = _levels(manifest, levels or "best", experiments)
    address = f"{repository.full_name}@{commit}:{','.join(map(str, chosen))}"
    from ticket_hub.transfer.planning import request_for
    from ticket_hub.transfer.terms import Terms

    terms = Terms(against=request.against, trials=request.trials or TRIALS, reinits=request.reinits)
    sizes = [len(group) for group in request_for(tuple(range(len(chosen))), terms).groups()]
    return Planned(
        title=f"retrain {repository.full_name}:{levels or 'best'} on {recipe.data.name}",
        repository=address,
        spec={"request": request.model_dump(mode="json"), "ticket": address},
        estimate=estimate_networks(
            manifest.architecture.architecture(),
            recipe.training,
            shape_of(recipe.data.name),
            networks=sum(sizes),
            at_once=max(sizes),
        ),
    )


def offered_controls(_hub: OpenHub | None) -> tuple[str, ...]:
    """The controls of a retraining, the usual ones first; those of the operator's plugins, too."""
    with contextlib.suppress(PluginError):  # said to whoever asks for one that is not built in
        plugins.load()
    usual: tuple[str, ...] = RetrainIn.model_fields["against"].default
    return usual + tuple(name for name in CONTROLS.known() if name not in {OWN, *usual})


def check_controls(manifest: Manifest, request: RetrainIn) -> None:
    """Refuse at once the controls that the training would refuse.

    Raises:
        RecipeError: there is no such control, or it needs what no job takes.
        EvidenceError: a control needs weights that the bundle left out.
    """
    from ticket_hub.transfer import controls

    controls.check_controls(list(request.against))
    if OWN in request.against:
        raise RecipeError(
            f"The control {OWN!r} needs the target's own ticket, which no job takes.",
            f"Leave out {OWN!r}, or train on your own machine with `ticket retrain --own`.",
        )
    asked = {each: CONTROLS.entry(each) for each in request.against}
    lacking = [each for each, known in asked.items() if known and DENSE_WEIGHTS & {*known.needs}]
    if not manifest.has_dense and lacking:
        names = " and ".join(map(repr, lacking))
        subject = (
            f"The control {names} needs" if len(lacking) == 1 else f"The controls {names} need"
        )
        raise EvidenceError(
            f"{subject} dense theta0, and this ticket has its survivors only.",
            f"Leave out {names}, or take a bundle that was written with dense theta0.",
        )


def _target(manifest: Manifest, request: RetrainIn) -> Recipe:
    from ticket_hub.transfer.planning import target_recipe

    changes = changes_of(request.model_dump(mode="json"))
    return target_recipe(manifest, request.dataset, changes)


def _levels(manifest: Manifest, text: str, experiments: Experiments) -> tuple[int, ...]:
    """The pruned levels that a text names.

    Raises:
        TicketNotFoundError: there is none.
    """
    from ticket_hub.bundle.spec import find_level
    from ticket_hub.errors import TicketNotFoundError

    if text == "all":
        found = {each.index for each in manifest.levels if each.tickets and each.density < 1}
    else:
        records = [find_level(manifest, part, experiments) for part in text.split(",")]
        found = {each.index for each in records if each.density < 1}
    if not found:
        raise TicketNotFoundError(
            "No pruned level is meant, so there is no ticket to compare with its controls.",
            "Name a pruned level behind a colon, such as :7, :3,7,11 or :all.",
        )
    return tuple(sorted(found))


def _bundle(hub: OpenHub, repository: RepositoryRow, commit: str) -> tuple[Manifest, Experiments]:
    """The manifest at a commit, and what reads its records of experiments."""
    from ticket_hub.bundle import encoding, layout
    from ticket_hub_api.store.tables import Commit

    with hub.database.read() as connection:
        tree = connection.scalar(
            select(Commit.tree).where(Commit.repository_id == repository.id, Commit.oid == commit)
        )
        files = load_tree(connection, str(tree))
        entry = files.get(MANIFEST)
        if entry is None or entry.size > layout.MAX_MANIFEST_BYTES:
            raise BundleError(
                f"{repository.full_name} holds no bundle of tickets.",
                "Name a repository that `ticket push` has made.",
            )
        content = open_content(hub, connection, entry.sha256)
        data = b"".join(content.read(0, entry.size))
    manifest = encoding.decode(data)

    def experiments() -> list[ExperimentRecord]:
        """Those of the bundle."""
        with hub.database.read() as connection:
            return list(read_experiments(hub, connection, manifest, files))

    return manifest, experiments
