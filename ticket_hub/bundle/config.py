"""`config.json`: timm's layout for the network, and the `ticket` key that this reader goes by.

The whole file follows from the manifest, so a reader compares it with what it must be; nothing
in it is ever looked up or imported.
"""

from __future__ import annotations

import json
from typing import Any

from ticket_hub.bundle import layout, strict
from ticket_hub.bundle.content import DataRecord
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.errors import BundleFormatError

__all__ = ["check", "encode"]

TIMM = "timm:"


def encode(manifest: Manifest) -> bytes:
    """The bytes of `config.json`.

    For a `timm:` network `timm.create_model("local-dir:FOLDER", pretrained=True)` and
    `"hf-hub:OWNER/NAME"` build it and load `model.safetensors`. `first_conv` and `classifier` are
    left out: with them timm would adapt weights that already fit.
    """
    return (json.dumps(_table(manifest), indent=1, ensure_ascii=False) + "\n").encode()


def check(data: bytes | bytearray, manifest: Manifest) -> None:
    """Refuse a `config.json` that is not the one of this manifest.

    Raises:
        BundleFormatError: another key, or another value.
    """
    found = strict.parse(data, source=layout.CONFIG, containers=1000, values=10_000)
    if found != json.loads(json.dumps(_table(manifest))):
        raise BundleFormatError(
            f"{layout.CONFIG} describes another network than {layout.MANIFEST}.",
            "Fetch the bundle again, or ask its author to write it again.",
        )


def _table(manifest: Manifest) -> dict[str, Any]:
    network = manifest.architecture
    return {
        "architecture": network.name.removeprefix(TIMM),
        "num_classes": network.classes,
        "model_args": _model_args(manifest),
        "pretrained_cfg": _pretrained(manifest.data, network.classes, _input_size(manifest)),
        "ticket": {
            "format": layout.FORMAT,
            "network": network.name,
            "options": dict(sorted(network.options.items())),
        },
    }


def _input_size(manifest: Manifest) -> list[int]:
    network = manifest.architecture
    return [network.channels, network.height, network.width]


def _model_args(manifest: Manifest) -> dict[str, Any]:
    options = dict(sorted(manifest.architecture.options.items()))
    if not manifest.architecture.name.startswith(TIMM):
        return options
    return {"in_chans": manifest.architecture.channels, **options}


def _pretrained(data: DataRecord, classes: int, input_size: list[int]) -> dict[str, Any]:
    return {
        "tag": "ticket",
        "custom_load": False,
        "input_size": input_size,
        "fixed_input_size": True,
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "mean": list(data.mean),
        "std": list(data.std),
        "num_classes": classes,
        "pool_size": None,
    }
