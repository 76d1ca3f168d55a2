"""What a revision says about itself: its card, its config, its tensors.

It is read once, when the revision is pushed, with bounds on everything; what cannot be read is left
out and never an error, so that no file of one repository can break a listing for all.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from ticket_hub_api.store.trees import Files, TreeEntry

__all__ = ["card_problems", "front_matter", "summarize"]

Reader = Callable[[TreeEntry, int], bytes]
MAX_CARD = 64 << 10
MAX_DEPTH = 32
MAX_EVENTS = 10_000
MAX_CONFIG = 256 << 10
MAX_TENSOR_HEADER = 1 << 20
MAX_TAG = 190
MAX_TAGS = 200
MAX_ITEMS = 16
_OPENED = re.compile(r"\ufeff?---[ \t]*\r?\n")
_FENCE = re.compile(r"^---[ \t]*\r?$", re.MULTILINE)
_SLOW_NUMBER = re.compile(r"[-+]?[0-9_:.]{100}")
# libyaml's parser is some 30 times as fast; without it the limits hold, too.
_Loader: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SOURCES = {"card": "README.md", "config": "config.json", "safetensors": "model.safetensors"}
_FORMATS = {".safetensors": "safetensors", ".onnx": "onnx", ".gguf": "gguf"}
_PREFIXED = {"license": "license", "datasets": "dataset", "base_model": "base_model"}


def front_matter(text: str) -> str:
    """The YAML between the two `---` lines that open a card, or an empty string."""
    opened = _OPENED.match(text)
    closed = opened and _FENCE.search(text, opened.end())
    return text[opened.end() : closed.start()] if opened and closed else ""


def parse_card(text: str) -> dict[str, Any]:
    """The card's data as plain JSON values.

    Raises:
        ValueError: it is not a mapping, too large, too deep, or not YAML.
    """
    matter = front_matter(text)
    if len(matter) > MAX_CARD:
        raise ValueError("the front matter is larger than 64 KiB")
    try:
        _check_events(matter)
        data = yaml.load(matter, Loader=_Loader)  # noqa: S506 - a safe loader in either case
        if data is None:
            return {}
        if not isinstance(data, dict):
            raise ValueError("the front matter is not a mapping")  # noqa: TRY004 - a file's content
        plain: dict[str, Any] = json.loads(json.dumps(_named(data), default=str, allow_nan=False))
    except (yaml.YAMLError, RecursionError, OverflowError) as error:
        raise ValueError(str(error)) from error
    except (AttributeError, LookupError, TypeError) as error:  # PyYAML's own, as of `!!int ""`
        raise ValueError("a value is not what its tag says") from error
    return plain


def _check_events(matter: str) -> None:
    """Look at what the parser meets, before anything is built of it.

    Raises:
        ValueError: an alias, which could make a small card expand without end; more levels or
            events than a card needs; a scalar that is slow to convert.
        YAMLError: it is not YAML.
    """
    depth = 0
    for count, event in enumerate(yaml.parse(matter, Loader=_Loader)):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("aliases are not allowed in a card")  # noqa: TRY004 - a file's content
        if isinstance(event, yaml.ScalarEvent) and _is_slow(event):
            raise ValueError("a number has too many digits")
        if depth > MAX_DEPTH:
            raise ValueError(f"the front matter is nested more than {MAX_DEPTH} levels deep")
        if count > MAX_EVENTS:
            raise ValueError(f"the front matter has more than {MAX_EVENTS} parts")


def _is_slow(scalar: yaml.ScalarEvent) -> bool:
    """Whether it becomes a number in a time that grows with the square of its digits."""
    is_number = scalar.implicit[0] or bool(scalar.tag)  # what is quoted stays text
    return is_number and _SLOW_NUMBER.match(scalar.value) is not None


def _named(value: object) -> object:
    """The same value with every key a string, as JSON wants it."""
    if isinstance(value, dict):
        return {str(key): _named(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_named(item) for item in value]
    return value


def card_problems(text: str) -> list[str]:
    """What is wrong with a card; an empty list when it can be used."""
    try:
        parse_card(text)
    except ValueError as error:
        return [str(error)]
    return []


def summarize(files: Files, before: Files, known: dict[str, Any], read: Reader) -> dict[str, Any]:
    """What a revision says about itself.

    Args:
        files, before: this revision's files and its parent's.
        known: the parent's summary; what comes from an unchanged file is taken from there.
        read: gives the first bytes of a file's content.
    """
    summary: dict[str, Any] = {}
    readers = {"card": _card, "config": _config, "safetensors": _tensors}
    for part, path in _SOURCES.items():
        entry, old = files.get(path), before.get(path)
        if entry is None:
            continue
        if old is not None and old.sha256 == entry.sha256:
            summary[part] = known.get(part)
        else:
            summary[part] = readers[part](entry, read)
    card = summary.get("card") or {}
    summary["library"] = _word(card.get("library_name"))
    summary["pipeline"] = _word(card.get("pipeline_tag"))
    summary["tags"] = list(dict.fromkeys(_tags(card, files)))[:MAX_TAGS]
    return summary


def _word(value: object) -> str:
    return value[:90] if isinstance(value, str) else ""


def _card(entry: TreeEntry, read: Reader) -> dict[str, Any] | None:
    try:
        return parse_card(read(entry, 4 * MAX_CARD).decode(errors="replace"))
    except ValueError:
        return None


def _config(entry: TreeEntry, read: Reader) -> dict[str, Any] | None:
    """The fields of config.json that clients show; the rest is in the file."""
    if entry.size > MAX_CONFIG:
        return None
    try:
        config = json.loads(read(entry, MAX_CONFIG))
    except (ValueError, RecursionError):
        return None
    if not isinstance(config, dict):
        return None
    names = ("architectures", "architecture", "model_type", "num_classes", "num_features")
    return {name: config[name] for name in names if _is_plain(config.get(name))}


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return len(value) <= MAX_ITEMS and all(_is_plain(item) for item in value)
    if isinstance(value, str):
        return len(value) <= MAX_TAG
    return isinstance(value, int) and abs(value) < 1 << 53


def _tensors(entry: TreeEntry, read: Reader) -> dict[str, Any] | None:
    """How many numbers of each type a safetensors file holds, by its header."""
    try:
        (length,) = struct.unpack("<Q", read(entry, 8))
        if length > min(MAX_TENSOR_HEADER, entry.size - 8):
            return None
        header = json.loads(read(entry, 8 + length)[8:])
        counts: dict[str, int] = {}
        for name, tensor in header.items():
            if name != "__metadata__":
                kind = str(tensor["dtype"])[:8]
                counts[kind] = counts.get(kind, 0) + _numbers(tensor["shape"], entry.size)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return {"parameters": counts, "total": sum(counts.values())}


def _numbers(shape: list[int], limit: int) -> int:
    """The product of a shape; more numbers than the file has bits cannot be."""
    product = 1
    for extent in shape:
        if type(extent) is not int or extent < 0:
            raise ValueError("a negative extent")
        product *= extent
        if product > 8 * limit:
            raise ValueError("more numbers than bytes")
    return product


def _tags(card: dict[str, Any], files: Files) -> Iterator[str]:
    for field in ("library_name", "pipeline_tag"):
        if word := _word(card.get(field)):
            yield word
    for ending, tag in _FORMATS.items():
        if any(path.endswith(ending) for path in files):
            yield tag
    for field in ("tags", "language"):
        yield from _words(card.get(field))
    for field, prefix in _PREFIXED.items():
        yield from (f"{prefix}:{word}" for word in _words(card.get(field)))


def _words(value: object) -> Iterator[str]:
    values = value if isinstance(value, list) else [value]
    for item in values[:MAX_TAGS]:
        if isinstance(item, str) and 0 < len(item) <= MAX_TAG:
            yield item
