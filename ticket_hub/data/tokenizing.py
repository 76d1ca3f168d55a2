"""Texts as numbers of tokens, by the `tokenizer.json` of a network's source."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ticket_hub.durable import canonical_json, make_folder, sha256_file, write_bytes
from ticket_hub.errors import DataCorruptError, DataNotFoundError, StorageError
from ticket_hub.home import cache_folder, expanded
from ticket_hub.project import install_extra
from ticket_hub.tensors import pack_tensors, unpack_tensors

__all__ = ["tokenized"]

Parts = Sequence[Sequence[str]]


def tokenized(parts: Parts, source: str, sha256: str, *, most: int) -> tuple[list[Tensor], int]:
    """The texts of each part, int64 `(texts, 1, 1, length)`, and how many numbers there may be.

    A token has the number that the tokenizer gives it and 1, so that 0 stands after the end of a
    text whatever the tokenizer pads with. What the tokenizer adds to each text, such as `[CLS]`, is
    added. Tokens are made once, and kept in the cache by texts, tokenizer and length.

    Args:
        source: `file:PATH`, or what a search has fetched by its sha256.
        most: tokens of a text; what is beyond is cut.

    Raises:
        DataNotFoundError: the file or the library is not here.
        DataCorruptError: the file has another sha256, or is no tokenizer.
    """
    path = _path(source, sha256)
    digest = sha256 or sha256_file(path)
    key = canonical_json([digest, most, [list(part) for part in parts]])
    kept = cache_folder() / "tokens" / f"{hashlib.sha256(key).hexdigest()}.safetensors"
    tensors = unpack_tensors(kept.read_bytes()) if kept.is_file() else None
    if tensors is None:
        tensors = _made(parts, path, most)
        _keep(kept, tensors)
    numbers = [tensors[str(place)] for place in range(len(parts))]
    return numbers, int(tensors["vocabulary"])


def _path(source: str, sha256: str) -> Path:
    if source.startswith("file:"):
        path = expanded(source.removeprefix("file:"))
    else:
        path = cache_folder() / "weights" / f"{sha256}.json"
    if not path.is_file():
        raise DataNotFoundError(
            f"The tokenizer {source} is not here: there is no {path}.",
            f"A search with it fetches it; or bring the file whose sha256 is {sha256} there.",
        )
    if sha256 and sha256_file(path) != sha256:
        raise DataCorruptError(
            f"{path} is not the tokenizer of the recipe: its sha256 is not {sha256[:12]}...",
            "Bring the file that the recipe means.",
        )
    return path


def _made(parts: Parts, path: Path, most: int) -> dict[str, Tensor]:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise DataNotFoundError(
            "Texts of a tokenizer need the library `tokenizers`.",
            f"Install it with `{install_extra('transformers')}`.",
        ) from error
    try:
        tokenizer: Any = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        raise DataCorruptError(
            f"{path} is no tokenizer: {str(error)[:200]}.", "Fetch it again from its source."
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)
    found = [[each.ids for each in tokenizer.encode_batch(list(part))] for part in parts]
    length = max([1, *(len(ids) for part in found for ids in part)])
    tensors = {"vocabulary": torch.tensor(1 + tokenizer.get_vocab_size(with_added_tokens=True))}
    for place, part in enumerate(found):
        rows = np.zeros((len(part), length), dtype=np.int64)
        for row, ids in zip(rows, part, strict=True):
            row[: len(ids)] = np.asarray(ids, dtype=np.int64) + 1
        tensors[str(place)] = torch.from_numpy(rows)[:, None, None, :]
    return tensors


def _keep(path: Path, tensors: dict[str, Tensor]) -> None:
    """What cannot be kept is made again."""
    try:
        make_folder(path.parent)
        write_bytes(path, pack_tensors(tensors))
    except StorageError:
        return
