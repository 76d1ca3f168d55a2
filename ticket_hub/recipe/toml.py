"""Plain values as TOML, so that what a tool prints can be read back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["toml_text"]

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(table: Mapping[str, Any]) -> str:
    """The TOML of a table of plain values; `tomllib.loads` gives it back.

    Tables of the first level become sections, deeper ones are written inline. A key whose value
    is None is left out, since TOML has no such value.
    """
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    parts = ["\n".join(_lines(values))] if values else []
    for key, value in table.items():
        if isinstance(value, Mapping):
            parts.append("\n".join([f"[{_key(key)}]", *_lines(value)]))
    return "\n\n".join(parts) + "\n"


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items() if value is not None]


def _key(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else _string(key)


def _value(value: Any) -> str:  # noqa: ANN401 - any plain value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_lines(value)) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return str(value)


def _string(text: str) -> str:
    # JSON escapes what TOML escapes, except DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
