"""The same bundle with another form of theta0, for sharing."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Literal

from ticket_hub.bundle import (
    Bundle,
    BundleContent,
    layout,
    open_bundle,
    write_bundle,
)
from ticket_hub.bundle.contents import content_of
from ticket_hub.bundle.manifest_records import Origin
from ticket_hub.errors import (
    BundleFormatError,
)
from ticket_hub.recipe import NetworkSpec
from ticket_hub.search.pretrained import StartWeights

__all__ = ["repacked"]


def repacked(folder: Path, target: Path, theta0: Literal["dense", "reference", "signs"]) -> Path:
    """The same bundle with another form of theta0; a README.md that a person wrote comes along.

    With `signs` another one, whose lineage names this.

    Raises:
        BundleFormatError: it has survivors only, or its theta0 is not of pretrained weights.
        NetworkError: there is nothing that theta0 could refer to.
    """
    bundle = open_bundle(folder)
    content, recipe = content_of(bundle), bundle.manifest.recipe
    if bundle.manifest.theta0 == "signs" or (theta0 != "signs" and not bundle.manifest.has_dense):
        raise BundleFormatError(
            f"This bundle has the {bundle.manifest.theta0} of theta0 only.",
            "Share it as it is, without --theta0.",
        )
    if theta0 == "reference":
        start = StartWeights(recipe.network or NetworkSpec(name=bundle.architecture.name))
        reference = start.reference(bundle.architecture, "reference")
        content = dataclasses.replace(content, reference=reference)
    if theta0 == "signs":
        content = _with_signs_alone(bundle, content)
    if layout.CARD in bundle.manifest.files and (folder / layout.CARD).is_file():
        target.mkdir()
        shutil.copyfile(folder / layout.CARD, target / layout.CARD)
    write_bundle(target, content, theta0=theta0)
    return target


def _with_signs_alone(bundle: Bundle, content: BundleContent) -> BundleContent:
    """The sparse levels of a bundle without what was measured: it was with all of theta0."""
    origin = Origin(kind="bundle", source="its theta0 and evidence", id=bundle.manifest.id)
    levels = (
        dataclasses.replace(level, curves=(), backends=())
        for level, record in zip(content.levels, bundle.levels, strict=True)
        if record.tickets and record.density < 1
    )
    return dataclasses.replace(
        content,
        levels=tuple(levels),
        controls=(),
        experiments=(),
        figure=None,
        reference=None,
        lineage=(*content.lineage, origin),
    )
