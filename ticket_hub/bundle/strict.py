"""JSON from strangers: bounded before it is parsed, and no value that JSON does not have."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ticket_hub.errors import BundleFormatError

__all__ = ["MAX_LENGTH", "one_line", "parse"]

DEPTH = 16
MAX_TEXT = 4096
TEXTS = 120_000
MAX_LENGTH = 200
"""Characters of a text that a record says of people and machines."""
MAX_INTEGER = 19
MAX_FRACTION = 64

# A lone quotation mark ends the scan at once, so that it stays linear on unterminated texts; the
# quantifiers give nothing back and are bounded, so that it takes no memory on long ones.
_TOKEN = re.compile(rb'"[^"\\]{0,4096}+(?:\\.[^"\\]{0,4096}+){0,4096}+"|["\[\]{},]', re.DOTALL)


def parse(
    data: bytes | bytearray, *, source: str, containers: int = 50_000, values: int = 400_000
) -> Any:  # noqa: ANN401 - any JSON value
    r"""Parse JSON, refusing whatever could surprise a reader.

    Refused: duplicate keys, NaN and infinities (also by overflow, as `1e999`), integers of more
    than 19 digits, texts over 4,096 bytes, nesting deeper than 16, escapes such as `\u001b`,
    bytes that are not UTF-8, more than 120,000
    texts, and more containers or values than asked for.

    Args:
        source: names the file in errors.

    Raises:
        BundleFormatError: any of the above, or it is not JSON.
    """
    _bound(data, source, containers, values)
    if b"\\u" in data:
        raise _broken(source, "a text has an escaped character instead of the character itself")
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_constant,
            parse_float=_fraction,
            parse_int=_integer,
        )
    except (ValueError, RecursionError) as error:
        raise _broken(source, str(error)) from error


def _bound(data: bytes | bytearray, source: str, containers: int, values: int) -> None:
    depth, texts = 0, TEXTS
    if data.count(b",") > 2 * values or data.count(b'"') > 2 * texts:
        raise _broken(source, "it holds too many values")
    for token in _TOKEN.finditer(data):
        start = data[token.start()]
        if start == ord('"'):
            texts -= 1
            if texts < 0 or not 1 < token.end() - token.start() <= MAX_TEXT:
                raise _broken(source, "a text is not closed or too long, or there are too many")
        elif start in b"[{":
            depth += 1
            containers -= 1
        elif start in b"]}":
            depth -= 1
        else:
            values -= 1
        if depth > DEPTH or containers < 0 or values < 0:
            raise _broken(source, "it nests too deep or holds too many values")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands twice in one table")
    return table


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _fraction(text: str) -> float:
    value = float(text) if len(text) <= MAX_FRACTION else math.inf
    if not math.isfinite(value):
        raise ValueError("a number is too large or too long")
    return value


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > MAX_INTEGER:
        raise ValueError("a whole number has too many digits")
    return int(text)


def _broken(source: str, reason: str) -> BundleFormatError:
    return BundleFormatError(
        f"{source} is not the JSON of a bundle: {reason}.",
        "Fetch the bundle again, or ask its author to write it again.",
    )


def one_line(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A short text of one line, without characters that cannot be seen."""
    shown = "".join(each if each.isprintable() else " " for each in str(value)[: 4 * MAX_LENGTH])
    return " ".join(shown.split())[:MAX_LENGTH].strip()
