"""How a bundle was made, as a SLSA provenance statement (https://slsa.dev/provenance/v1).

It says nothing that the manifest does not know, in words that tools of supply chains read. Whoever
signs it vouches for it; nobody watched the machine, so that it is of SLSA's build level 1.
"""

from __future__ import annotations

import os
from typing import Any

from ticket_hub.bundle import layout
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.read import bundle_folder, open_bundle
from ticket_hub.durable import sha256_file
from ticket_hub.recipe.tables import to_table
from ticket_hub.signing.envelope import STATEMENT

__all__ = ["PREDICATE", "provenance_statement"]

PREDICATE = "https://slsa.dev/provenance/v1"
_BUILD = "urn:ticket-hub:build:{kind}:v1"
_BUILDER = "urn:ticket-hub:builder:author"
"""A machine of the author's, which nobody else vouches for."""


def provenance_statement(bundle: str | os.PathLike[str]) -> dict[str, Any]:
    """The in-toto statement about a bundle, not signed; `envelope.seal` signs it.

    Its subject is the manifest, which pins every other file by its sha256.

    Args:
        bundle: its folder, or what `find` gave.

    Raises:
        BundleError: the manifest breaks the format.
    """
    folder = bundle_folder(bundle)
    manifest = open_bundle(folder).manifest
    digest = sha256_file(folder / layout.MANIFEST)
    return {
        "_type": STATEMENT,
        "subject": [{"name": layout.MANIFEST, "digest": {"sha256": digest}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": _definition(manifest),
            "runDetails": {
                "builder": {"id": _BUILDER},
                "metadata": {"invocationId": manifest.id},
            },
        },
    }


def _definition(manifest: Manifest) -> dict[str, Any]:
    """What went in: the recipe, which decides the result, and what it was applied to."""
    table = to_table(manifest)
    kind = "own" if manifest.own else "import" if "found_by" in manifest.environment else "find"
    inside: dict[str, Any] = {
        "bit_exact": manifest.bit_exact,
        "environment": dict(manifest.environment),
    }
    if manifest.plugins:
        inside["plugins"] = table["plugins"]
    # Data, pretrained weights and the bundles that it was made from, where known.
    data, reference = manifest.data, manifest.reference
    found: list[dict[str, Any]] = [{"name": f"data set {data.name}"}]
    if data.fingerprint is not None:
        found[0]["digest"] = {"sha256": data.fingerprint}
        found[0]["annotations"] = {"digest_of": "inputs, labels and split"}
    if reference is not None:
        found.append({"name": reference.source, "digest": {"sha256": reference.sha256}})
    for origin in manifest.lineage:
        if origin.kind.endswith(": note"):
            continue
        found.append({"name": f"{origin.kind}: {origin.source}"})
        if origin.id:
            found[-1]["annotations"] = {"id": origin.id}
    return {
        "buildType": _BUILD.format(kind=kind),
        "externalParameters": {
            "recipe": table["recipe"],
            "recipe_digest": manifest.recipe.digest,
            "seeds": [trial.seed for trial in manifest.trials],
            **({"own": table["own"]} if manifest.own else {}),
        },
        "internalParameters": inside,
        "resolvedDependencies": found,
    }
