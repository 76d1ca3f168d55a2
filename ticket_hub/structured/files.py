"""A smaller network on disk: `model.safetensors` and `structure.json`, and no code.

`structure.json` says of which network it is a part and which places are left along the axes of its
tensors, so that the module is made anew from the registry, cut to size, and given the weights.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ticket_hub.durable import make_folder, write_bytes
from ticket_hub.errors import BundleFormatError, NetworkError
from ticket_hub.home import expanded
from ticket_hub.networks import outline
from ticket_hub.structured.small import Left, SmallNetwork, build_small
from ticket_hub.tensors import METADATA
from ticket_hub.types import Architecture

__all__ = ["load_small", "write_small"]

FORMAT = 1
WEIGHTS, STRUCTURE = "model.safetensors", "structure.json"
REMEDY = "Export it again: `ticket export TICKET --to small --out FOLDER`."


def write_small(small: SmallNetwork, folder: Path, *, ticket: str = "") -> list[Path]:
    """Write both files.

    Args:
        ticket: the id of the ticket that it is of.

    Raises:
        StorageError: a file cannot be written.
    """
    make_folder(folder)
    weights = {name: value.detach().cpu().contiguous() for name, value in small.weights.items()}
    record = {
        "format": FORMAT,
        "ticket": ticket,
        "architecture": dataclasses.asdict(small.architecture),
        "attributes": dict(small.attributes),
        "kept": {
            name: {str(axis): places.tolist() for axis, places in axes.items()}
            for name, axes in small.kept.items()
        },
    }
    text = json.dumps(record, separators=(",", ":"), sort_keys=True) + "\n"
    write_bytes(folder / WEIGHTS, safetensors.torch.save(weights, metadata=METADATA))
    write_bytes(folder / STRUCTURE, text.encode())
    return [folder / WEIGHTS, folder / STRUCTURE]


def load_small(folder: str | Path) -> nn.Module:
    """The module of a smaller network, on torch's default device; torch-pruning is not needed.

    Raises:
        BundleFormatError: a file is missing or damaged, or they do not fit together.
        NetworkError: the network is not registered here.
    """
    place = expanded(folder)
    try:
        record = json.loads((place / STRUCTURE).read_bytes())
        weights = safetensors.torch.load((place / WEIGHTS).read_bytes())
        if record["format"] != FORMAT:
            raise BundleFormatError(
                f"{place / STRUCTURE} has the format {record['format']!r}, not {FORMAT}.", REMEDY
            )
        options = tuple((name, value) for name, value in record["architecture"].pop("options"))
        architecture = Architecture(**record["architecture"], options=options)
        kept = _kept(record["kept"], outline(architecture).shapes)
        left = Left(kept=kept, attributes=_numbers(record["attributes"]))
        return build_small(architecture, left, weights)
    except NetworkError:
        raise
    except FileNotFoundError as error:
        raise BundleFormatError(f"{place} has no {Path(error.filename).name}.", REMEDY) from error
    except (
        AttributeError,
        KeyError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
        safetensors.SafetensorError,
    ) as error:
        raise BundleFormatError(f"{place} holds no smaller network: {error}", REMEDY) from error


def _kept(
    table: Mapping[str, Mapping[str, Any]], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, dict[int, Tensor]]:
    found: dict[str, dict[int, Tensor]] = {}
    for name, axes in table.items():
        for axis, places in axes.items():
            left = torch.tensor(places, dtype=torch.int64)
            extent = shapes[name][int(axis)]
            growing = bool((left.diff() > 0).all()) and left.ndim == 1 and len(left) > 0
            if not (growing and int(left[0]) >= 0 and int(left[-1]) < extent):
                raise ValueError(f"the places that {name!r} keeps along axis {axis} cannot be")
            found.setdefault(name, {})[int(axis)] = left
    return found


def _numbers(table: Mapping[str, Any]) -> dict[str, int]:
    allowed = {"num_heads", "attn_dim"}
    for path, value in table.items():
        if path.rpartition(".")[2] not in allowed or type(value) is not int or value < 1:
            raise ValueError(f"{path!r} cannot be {value!r}")
    return dict(table)
