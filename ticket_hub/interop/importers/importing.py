"""`import_tickets`: from what another system left on disk to a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from ticket_hub.bundle import layout
from ticket_hub.bundle.content import BundleContent, LevelContent, TrialContent
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import DataRecord, Origin
from ticket_hub.bundle.needed_plugins import needed_plugins
from ticket_hub.bundle.unknown import ABOUT, PLACEHOLDER_NAME
from ticket_hub.bundle.write import write_bundle
from ticket_hub.home import expanded
from ticket_hub.interop.importers.fitting import refuse_masked
from ticket_hub.interop.importers.imported import Hints, ImportedTickets
from ticket_hub.interop.importers.ladder import check_ladder, level_notes, shared_levels
from ticket_hub.interop.importers.refusals import refusal
from ticket_hub.interop.importers.unknown import check_recipe
from ticket_hub.interop.registry import IMPORTERS
from ticket_hub.networks import outline
from ticket_hub.pruning.masks import full_mask
from ticket_hub.recipe import PartialRecipe, Recipe, load_recipe
from ticket_hub.recipe.spec import UNKNOWN
from ticket_hub.registry import YOUR_OWN, there_are
from ticket_hub.types import Option

__all__ = ["import_tickets"]

EVERY = (
    "Accuracies were not imported: without readings on validation data there is no early stop.",
    "The environment and the seeds of the search, and the fingerprint of its data, are not known.",
)


def import_tickets(
    source: str | Path,
    out: str | Path,
    *,
    form: str | None = None,
    recipe: str | Recipe | None = None,
    network: str | None = None,
    network_options: Mapping[str, Option] | None = None,
    input_shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
    masks: tuple[str | Path, ...] = (),
    theta0: str | Path | None = None,
    start: int | None = None,
) -> Manifest:
    """Write a bundle of the tickets that another system left on disk.

    Nothing in a file is executed. theta0 is always dense, and every value is kept exactly. What
    the source does not say is marked as unknown, never invented; see `docs/import-export.md`.

    Args:
        source: a folder or file of that system.
        out: folder of the bundle; it must be new or empty.
        form: the name of an importer; by default what the source looks like.
        recipe: how the tickets were found, where the user knows.
        network, network_options, input_shape, classes: of the network, where the source does not
            say.
        masks: files of masks by rising level, for `pair`.
        theta0: a file of dense starting weights, where the source has none.
        start: the iteration that theta0 is of, where the source does not say.

    Returns:
        The manifest of the bundle.

    Raises:
        ImportRefusedError: the source is not of that format, has no dense theta0, is of no network
            of the registry, or asks for code to be run.
        NetworkError, RecipeError: what the user named cannot be.
        StorageError: the bundle cannot be written.
    """
    place = expanded(source)
    folder = expanded(out)
    if not place.exists():
        raise refusal(f"There is nothing at {place}.", "Give the path of a folder or file.")
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise refusal(f"{folder} is not empty.", "Give a new folder for the bundle with `--out`.")
    hints = Hints(
        recipe=None if recipe is None else load_recipe(recipe),
        network=network,
        options=network_options or {},
        input_shape=input_shape,
        classes=classes,
        masks=tuple(expanded(each) for each in masks),
        theta0=None if theta0 is None else expanded(theta0),
        start=start,
    )
    return write_bundle(folder, _content(_read(place, form, hints), hints.recipe))


def _detect(source: Path, hints: Hints) -> str:
    """The name of the importer that recognizes it; plugins' are asked first.

    Raises:
        ImportRefusedError: it looks like none of them.
    """
    if (source / layout.MANIFEST).is_file():
        raise refusal(
            f"{source} is a bundle already.", "Use it as it is: `ticket show`, `ticket push`."
        )
    for name in reversed(IMPORTERS.names()):
        if IMPORTERS[name].recognizes(source, hints):
            return name
    raise refusal(
        f"{source} looks like no system that is known here.",
        "Name its system with `--from`, or give the folder one level up or down: an open_lth "
        "folder has replicate_N or level_N in it, Google's has trialN, VITA's has .pth.tar files.",
    )


def _read(source: Path, form: str | None, hints: Hints) -> ImportedTickets:
    name = form or _detect(source, hints)
    importer = IMPORTERS.find(name)
    if importer is None:
        remedy = f"{there_are(name, sorted(IMPORTERS.known()))} {YOUR_OWN}"
        raise refusal(f"There is no importer {name!r}.", remedy)
    try:
        found = importer.read(source, hints)
    except OSError as error:  # a file where a folder belongs, or no permission
        raise refusal(f"{source} cannot be read: {error.strerror or error}.") from error
    if hints.recipe is not None:
        check_recipe(hints.recipe, found.architecture)
    check_ladder(found.trials)
    for trial in found.trials:
        refuse_masked(trial.theta0, trial.masks.values())
    return found


def _content(found: ImportedTickets, named: Recipe | None) -> BundleContent:
    system = found.system.replace("_", "-")
    nothing = PartialRecipe(name=f"{PLACEHOLDER_NAME}{system}", about=ABOUT)
    recipe = named or found.recipe or nothing
    return BundleContent(
        recipe=recipe,
        architecture=found.architecture,
        data=DataRecord(
            name=UNKNOWN if recipe.data is None else recipe.data.name,
            fingerprint=None,
            mean=found.mean,
            std=found.std,
        ),
        environment={"found_by": found.system, "imported_with_torch": str(torch.__version__)},
        trials=tuple(
            TrialContent(index=index, seed=None, theta0=trial.theta0, start=found.start)
            for index, trial in enumerate(found.trials)
        ),
        levels=_levels(found),
        bit_exact=None,
        lineage=_lineage(found, named),
        plugins=needed_plugins(recipe, found.architecture),
    )


def _levels(found: ImportedTickets) -> tuple[LevelContent, ...]:
    dense = full_mask(outline(found.architecture).layers)
    return tuple(
        LevelContent(
            index=level,
            masks=tuple(trial.masks.get(level, dense) for trial in found.trials),
            curves=(),
            backends=(),
        )
        for level in sorted(shared_levels(found.trials))
    )


def _lineage(found: ImportedTickets, named: Recipe | None) -> tuple[Origin, ...]:
    """Where the tickets come from, then what must be known of the import, a line each."""
    notes = [*found.notes, *level_notes(found.trials), *EVERY]
    if named is not None:
        notes.append("The recipe was named at the import; the source does not confirm it.")
    if found.mean is None:
        notes.append(
            "How inputs were normalized is not known; timm reads mean 0 and std 1 in config.json."
        )
    return (
        Origin(kind=found.system, source=found.source),
        *(Origin(kind=f"{found.system}: note", source=note) for note in notes),
    )
