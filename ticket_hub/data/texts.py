"""Sentences with classes: read from files, and turned into numbers of words."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from ticket_hub.data.dataset import Part, Published
from ticket_hub.data.registry import DATASETS
from ticket_hub.data.splitting import numbered, published_parts
from ticket_hub.data.tokenizing import tokenized
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.home import expanded
from ticket_hub.recipe import DataSpec

__all__ = ["MAX_WORDS", "PARTS", "VOCABULARY", "numbers_of", "read_texts", "to_tokens"]

Labelled: TypeAlias = list[tuple[str, str]]
"""Label and text."""

VOCABULARY = 1 << 14
"""Numbers that words have, and 0, which stands after the end of a text."""

MAX_WORDS = 512
PARTS = (("train", "training"), ("val", "valid", "validation", "dev"), ("test", "testing"))
LAYOUT = (
    "Give a .tsv file (or .tsv.gz) with a label, a tab and a text on each line, a folder of "
    "train.tsv and test.tsv (and val.tsv), or a folder with a subfolder of .txt files for each "
    "class (or train/CLASS and test/CLASS)."
)
_WORD = re.compile(r"\w+|[^\w\s]")


@DATASETS.register(r"(?s)text:.+", examples=["text:PATH"])
def text(spec: DataSpec) -> Published:
    """Texts of the user's own: see `read_texts`."""
    path = Path(spec.name.removeprefix("text:"))
    return read_texts(path, spec)


def read_texts(path: Path, spec: DataSpec) -> Published:
    """Read labelled texts from a file or folder.

    Without parts, a fifth of every class, drawn by `spec.split_seed`, is the test part.

    Raises:
        DataNotFoundError: there is no such file or folder, or the tokenizer is not here.
        DataCorruptError: a file is no text in UTF-8, or a line has no label.
        DataError: the folder is laid out otherwise.
    """
    path = expanded(path)
    if not path.exists():
        raise DataNotFoundError(f"There is no file or folder {path}.", LAYOUT)
    parts = [_read_file(path)] if path.is_file() else _read_parts(path)
    for part in parts:
        if not part:
            raise DataError(f"{path} has a part without any text.", LAYOUT)
    labels, names = numbered([np.array([label for label, _ in part]) for part in parts], str(path))
    inputs, vocabulary = to_tokens([[text for _, text in part] for part in parts], spec)
    read = [Part(inputs=x, labels=y) for x, y in zip(inputs, labels, strict=True)]
    return published_parts(read, names, spec.split_seed, vocabulary=vocabulary)


def to_tokens(parts: Sequence[Sequence[str]], spec: DataSpec) -> tuple[list[Tensor], int]:
    """The texts of each part as `Part` takes them, all of one length, and the vocabulary.

    A text is cut after `spec.size` words or tokens; 0 keeps the longest whole, up to 512.

    Raises:
        DataNotFoundError, DataCorruptError: of the tokenizer, as `ticket_hub.data.tokenizing`.
    """
    if spec.tokenizer:
        most = spec.size or MAX_WORDS
        return tokenized(parts, spec.tokenizer, spec.tokenizer_sha256, most=most)
    longest = max(len(_WORD.findall(text)) for part in parts for text in part)
    length = max(1, min(spec.size or longest, MAX_WORDS))
    return [numbers_of(part, length) for part in parts], VOCABULARY


def numbers_of(texts: Sequence[str], length: int) -> Tensor:
    """Words as numbers: int64 `(texts, 1, 1, length)`.

    A word (letters and digits, or one other sign; in small letters) has the number that its
    BLAKE2 hash leaves modulo the vocabulary (feature hashing: Weinberger et al. 2009), so that it
    has the same one in every data set and nothing has to be kept. After the end of a text stands
    0, and what is beyond `length` is cut.
    """
    rows = np.zeros((len(texts), length), dtype=np.int64)
    known: dict[str, int] = {}
    for row, text in zip(rows, texts, strict=True):
        for place, word in enumerate(_WORD.findall(text.lower())[:length]):
            if word not in known:
                digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
                known[word] = 1 + int.from_bytes(digest, "big") % (VOCABULARY - 1)
            row[place] = known[word]
    return torch.from_numpy(rows)[:, None, None, :]


def _read_parts(path: Path) -> list[Labelled]:
    found: list[Labelled] = []
    has: list[bool] = []
    for names in PARTS:
        places = [place for place in _entries(path) if place.name.split(".")[0].lower() in names]
        if len(places) > 1:
            raise DataError(f"{path} has {places[0].name!r} and {places[1].name!r}.", LAYOUT)
        found += [_read_file(place) if place.is_file() else _by_class(place) for place in places]
        has.append(bool(places))
    if not found:
        return [_by_class(path)]
    if not has[0] or len(found) == 1:
        known = [names[0] for names, is_here in zip(PARTS, has, strict=True) if is_here]
        lacking = "test" if has[0] else "training"
        raise DataError(
            f"{path} has {' and '.join(map(repr, known))} alone: it lacks a {lacking} part.", LAYOUT
        )
    return found


def _by_class(path: Path) -> Labelled:
    texts = [
        (folder.name, _decoded(file.read_bytes(), file))
        for folder in _entries(path)
        if folder.is_dir()
        for file in sorted(folder.glob("*.txt"))
    ]
    if not texts:
        raise DataError(f"{path} has no texts.", LAYOUT)
    return texts


def _entries(path: Path) -> list[Path]:
    return sorted(place for place in path.iterdir() if not place.name.startswith("."))


def _read_file(path: Path) -> Labelled:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise DataCorruptError(f"{path} cannot be read: {error}.", LAYOUT) from error
    found = []
    for number, line in enumerate(_decoded(data, path).split("\n"), 1):
        label, tab, text = line.rstrip("\r").partition("\t")
        if not tab and line.strip():
            raise DataCorruptError(f"Line {number} of {path} has no tab after a label.", LAYOUT)
        if tab:
            found.append((label.strip(), text))
    return found


def _decoded(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataCorruptError(
            f"{path} is no text in UTF-8: {error.reason} at byte {error.start}.",
            "Save it as UTF-8.",
        ) from error
