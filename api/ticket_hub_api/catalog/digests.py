"""A digest in every row, so that `ticket hub fsck` finds rows that the disk has changed.

SQLite keeps no checksums of its own. The digest is filled in by the unit of work just before a row
is written; nothing else writes rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Mapper

from ticket_hub.durable import canonical_json
from ticket_hub_api.catalog.tables import Base

__all__ = ["install", "row_digest"]


def row_digest(table: str, values: Mapping[str, Any]) -> str:
    """The first 32 digits of the sha256 over a row's table and columns, its digest left out."""
    plain = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in values.items()
        if name != "digest"
    }
    return hashlib.sha256(canonical_json([table, plain])).hexdigest()[:32]


def _fill_in(mapper: Mapper[Any], _connection: object, row: Base) -> None:
    values = {}
    for attribute in mapper.column_attrs:
        value = getattr(row, attribute.key)
        if value is None:
            value = _default(mapper, row, attribute.key)
        values[attribute.key] = value
    row.digest = row_digest(mapper.local_table.description, values)


def _default(mapper: Mapper[Any], row: Base, name: str) -> object:
    """Apply a column's default now, since the digest must cover it."""
    default = mapper.columns[name].default
    if default is None:
        return None
    argument = getattr(default, "arg", None)
    value = argument(None) if callable(argument) else argument
    setattr(row, name, value)
    return value


def install() -> None:
    """Fill digests in from now on. Calling it again changes nothing."""
    for moment in ("before_insert", "before_update"):
        if not event.contains(Base, moment, _fill_in):
            event.listen(Base, moment, _fill_in, propagate=True)
