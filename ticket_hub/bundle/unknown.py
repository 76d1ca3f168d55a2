"""What nobody knows of a ticket that another system found, said as None and never as a number.

Bundles that were imported before a manifest could say so have placeholders instead. Those are
known by the lineage and the names that importers gave them, and are read as unknown too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ticket_hub.recipe import PartialRecipe, Recipe
from ticket_hub.recipe.spec import UNKNOWN

if TYPE_CHECKING:
    from ticket_hub.bundle.manifest import Manifest
    from ticket_hub.bundle.manifest_records import DataRecord

__all__ = [
    "ABOUT",
    "BUNDLE",
    "PLACEHOLDER_NAME",
    "UNKNOWN_FINGERPRINT",
    "is_imported",
    "unknown_parts",
    "without_placeholders",
]

BUNDLE = "bundle"
"""The kind of an origin that is a bundle itself."""

UNKNOWN_FINGERPRINT = "0" * 64
"""What stands for the fingerprint of unknown data where a digest is computed over it."""

ABOUT = "How these tickets were found is not known."
"""What a recipe says of itself of which nothing is known."""

_WORDS = {"network": "initialization"}
"""What of a recipe's network no weights can tell."""

PLACEHOLDER_NAME = "imported-from-"
"""Begins the name of such a recipe; the name of the system follows."""

NORMALIZATION = "How inputs were normalized is not known; mean 0 and std 1 stand for that."
SEEDS = "Seeds are numbers of this bundle, not those of the search."


def is_imported(manifest: Manifest) -> bool:
    """Whether another system found the tickets."""
    return any(origin.kind != BUNDLE for origin in manifest.lineage)


def unknown_parts(manifest: Manifest) -> tuple[str, ...]:
    """What nobody knows of how the tickets were found, as words for people."""
    recipe, data = manifest.recipe, manifest.data
    parts = recipe.unknown if isinstance(recipe, PartialRecipe) else ()
    if manifest.own is not None:  # whose author says what there is to say
        return ()
    others = {
        "fingerprint of the data": data.fingerprint,
        "normalization": data.mean,
        "seeds": manifest.trials[0].seed,
        "bit-exactness": manifest.bit_exact,
    }
    return (
        *(_WORDS.get(part, part) for part in parts),
        *(name for name, value in others.items() if value is None),
    )


def without_placeholders(manifest: Manifest) -> Manifest:
    """The same with None in place of every placeholder that an import has written."""
    if not is_imported(manifest):
        return manifest
    notes = {origin.source for origin in manifest.lineage}
    trials = manifest.trials
    if SEEDS in notes:
        trials = tuple(replace(trial, seed=None) for trial in trials)
    placeholder = (
        isinstance(manifest.recipe, Recipe)
        and manifest.recipe.data.name == UNKNOWN
        and manifest.recipe.name.startswith(PLACEHOLDER_NAME)
    )
    return replace(
        manifest,
        recipe=PartialRecipe(name=manifest.recipe.name, about=ABOUT)
        if placeholder
        else manifest.recipe,
        data=_data(manifest.data, normalized=NORMALIZATION not in notes),
        bit_exact=manifest.bit_exact or None,
        trials=trials,
    )


def _data(data: DataRecord, *, normalized: bool) -> DataRecord:
    known = None if data.fingerprint == UNKNOWN_FINGERPRINT else data.fingerprint
    if normalized:
        return replace(data, fingerprint=known)
    return replace(data, fingerprint=known, mean=None, std=None)
