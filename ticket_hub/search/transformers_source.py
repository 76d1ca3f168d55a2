"""From `transformers:OWNER/NAME` or `transformers:PATH` to a recipe that says everything itself.

Three files of a repository or folder are read: `config.json`, which becomes the network's family
and options; `model.safetensors`, which becomes `network.weights`; and `tokenizer.json`, which
becomes `data.tokenizer`. Each is pinned by its sha256, those of a hub by the commit, too. A bundle
needs no source to be opened, and whoever repeats the search is told which files to bring.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ticket_hub.errors import DataNotFoundError, HubError, NetworkError
from ticket_hub.home import expanded
from ticket_hub.hub.weights import fetch_weights
from ticket_hub.networks.transformers_families import FAMILIES, PREFIX, family_of

__all__ = ["fetched_tokenizer", "source_changes", "tokenizer_source"]

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
WEIGHTS = "model.safetensors"
MAX_CONFIG = 1 << 20
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?", re.ASCII)

_USUAL: Mapping[str, tuple[Any, ...]] = {
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "scale_attn_weights": (True, None),
    "scale_attn_by_inverse_layer_idx": (False, None),
    "reorder_and_upcast_attn": (False, None),
    "quantization_config": (None,),
    "auto_map": (None,),
    "pruned_heads": ({}, None),
}
"""Keys of a `config.json` that would make it another network, and the values that do not."""


def source_changes(name: str, *, tokenizer: bool) -> dict[str, Any]:
    """What a source says of a recipe: key -> value; nothing of a name that is no source.

    Args:
        name: of the network; `transformers:FAMILY` is one already.
        tokenizer: whether the texts are to be tokenized by it, too.

    Raises:
        NetworkError: it is no text classifier of the closed list, or no file is there.
        HubError: the hub has no such repository, or cannot be asked.
    """
    if not name.startswith(PREFIX) or family_of(name) is not None:
        return {}
    where = _place(name)
    config = fetch_weights(_file(where, CONFIG))
    family, options = _options(config.path, name)
    changes: dict[str, Any] = {
        "network.name": f"{PREFIX}{family}",
        "network.options": options,
        "network.init": "default",
    }
    if isinstance(where, Path):
        has_weights = (where / WEIGHTS).is_file()
        changes["network.weights"] = f"file:{where / WEIGHTS}" if has_weights else ""
    else:
        where = config.source.removeprefix("hub:").partition(":")[0]  # with the commit
        changes["network.weights"] = f"hub:{where}"
    if tokenizer:
        changes["data.tokenizer"] = _file(where, TOKENIZER)
    return changes


def tokenizer_source(name: str) -> str:
    """`file:PATH` or `hub:...` of a tokenizer that may be named by a network's source.

    Raises:
        NetworkError: the source is none.
    """
    return _file(_place(name), TOKENIZER) if name.startswith(PREFIX) else name


def _place(name: str) -> Path | str:
    """The folder, or OWNER/NAME[@REVISION]."""
    rest = name.removeprefix(PREFIX)
    folder = expanded(rest)
    if folder.is_dir():
        return folder.absolute()
    if _REPO.fullmatch(rest):
        return rest
    raise NetworkError(
        f"There is no folder {rest!r}, and it is no OWNER/NAME of a hub.",
        f"Write {PREFIX}OWNER/NAME, {PREFIX}PATH, or a family with options: "
        f"{', '.join(f'{PREFIX}{family}' for family in FAMILIES)}.",
    )


def _file(where: Path | str, file: str) -> str:
    return f"file:{where / file}" if isinstance(where, Path) else f"hub:{where}:{file}"


def _options(path: Path, name: str) -> tuple[str, dict[str, Any]]:
    """The family, and those of its options that differ from their defaults.

    Raises:
        NetworkError: it is no JSON, another architecture, or has what would change the function.
    """
    if path.stat().st_size > MAX_CONFIG:
        raise NetworkError(f"The {CONFIG} of {name!r} is too large.", "Use another source.")
    try:
        config = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise NetworkError(f"The {CONFIG} of {name!r} is no JSON: {error}.", "Mend it.") from error
    kind = str(config.get("model_type")) if isinstance(config, dict) else "nothing"
    family = FAMILIES.get(kind)
    if family is None:
        raise NetworkError(
            f"{name!r} is of the architecture {kind[:100]!r}.",
            f"There are {', '.join(FAMILIES)}; train others in your own loop: ticket_hub.own.",
        )
    for key, usual in _USUAL.items():
        if config.get(key) not in usual:
            raise NetworkError(
                f"The {CONFIG} of {name!r} has {key} = {str(config[key])[:100]!r}.",
                "Only the architecture itself is built here: no code of a repository is run, and "
                "no variant of it. Train it in your own loop: ticket_hub.own.",
            )
    options = {}
    for key, rule in family.options.items():
        value = config.get(key)
        if value is None:
            continue
        if isinstance(value, int) and isinstance(rule.default, float):
            value = float(value)
        if value != rule.default:
            options[key] = value
    return family.name, options


def fetched_tokenizer(source: str, sha256: str) -> tuple[str, str]:
    """A tokenizer's file, on this machine from now on: its source with the commit, and its sha256.

    Raises:
        DataNotFoundError: there is none.
    """
    try:
        found = fetch_weights(tokenizer_source(source), sha256)
    except (HubError, NetworkError, DataNotFoundError) as error:
        raise DataNotFoundError(
            f"The tokenizer {source} cannot be had: {error.problem}",
            f"{error.remedy} A source without a {TOKENIZER} cannot be used.",
        ) from error
    return found.source, found.sha256
