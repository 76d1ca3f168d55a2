"""`config.json`: timm's layout for the network, and the `ticket` key that this reader goes by.

The whole file follows from the manifest, so a reader compares it with what it must be; nothing
in it is ever looked up or imported.
"""

from __future__ import annotations

import json
from typing import Any

from ticket_hub.bundle import layout, strict
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.durable import canonical_json
from ticket_hub.errors import BundleFormatError
from ticket_hub.networks.timm_bridge import timm_arguments
from ticket_hub.patterns import TIMM
from ticket_hub.recipe.own import is_own

__all__ = ["check", "encode"]


def encode(manifest: Manifest) -> bytes:
    """The bytes of `config.json`.

    For a `timm:` network `timm.create_model("local-dir:FOLDER", pretrained=True)` and
    `"hf-hub:OWNER/NAME"` build it and load `model.safetensors`. `first_conv` and `classifier` are
    left out: with them timm would adapt weights that already fit.
    """
    arguments: dict[str, Any] = dict(sorted(manifest.architecture.options.items()))
    if manifest.architecture.name.startswith(TIMM):
        arguments = dict(timm_arguments(manifest.architecture.architecture()))
    table = _table(manifest, arguments)
    if is_own(manifest.architecture.name):
        table = _without_sizes(table)
    return (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode()


def check(data: bytes | bytearray, manifest: Manifest) -> None:
    """Refuse a `config.json` that is not the one of this manifest.

    Raises:
        BundleFormatError: another key, or another value.
    """
    found = strict.parse(data, source=layout.CONFIG, containers=1000, values=10_000)
    tables = [_table(manifest, each) for each in _possible(manifest)]
    if is_own(manifest.architecture.name):  # the first of them stated sizes that meant nothing
        tables += [_without_sizes(each) for each in tables]
    # unlike ==, its bytes tell 1, 1.0 and true apart
    if canonical_json(found) not in map(canonical_json, tables):
        raise BundleFormatError(
            f"{layout.CONFIG} describes another network than {layout.MANIFEST}.",
            "Fetch the bundle again, or ask its author to write it again.",
        )


def _possible(manifest: Manifest) -> list[dict[str, Any]]:
    """The arguments that timm may need: whether it takes `img_size` is for timm to know."""
    network = manifest.architecture
    options = dict(network.options)
    if not network.name.startswith(TIMM):
        return [options]
    height, width = network.height, network.width
    size: int | list[int] = height if height == width else [height, width]
    plain = {"in_chans": network.channels, **options}
    return [plain, {**plain, "img_size": size}]


def _table(manifest: Manifest, arguments: dict[str, Any]) -> dict[str, Any]:
    network = manifest.architecture
    return {
        "architecture": network.name.removeprefix(TIMM),
        "num_classes": network.classes,
        "model_args": arguments,
        "pretrained_cfg": _pretrained(manifest, fixed="img_size" in arguments),
        "ticket": {
            "format": layout.FORMAT,
            "network": network.name,
            "options": dict(sorted(network.options.items())),
        },
    }


def _without_sizes(table: dict[str, Any]) -> dict[str, Any]:
    """Of an author's own network no sizes are known: those in its manifest mean nothing."""
    return {key: table[key] for key in ("architecture", "model_args", "ticket")}


def _pretrained(manifest: Manifest, *, fixed: bool) -> dict[str, Any]:
    network = manifest.architecture
    return {
        "tag": "ticket",
        "custom_load": False,
        "input_size": [network.channels, network.height, network.width],
        "fixed_input_size": fixed,
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "mean": list(manifest.data.mean or (0.0,) * network.channels),  # timm needs numbers
        "std": list(manifest.data.std or (1.0,) * network.channels),
        "num_classes": network.classes,
        "pool_size": None,
    }
