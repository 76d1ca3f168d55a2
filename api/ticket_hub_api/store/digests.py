"""A digest in every row, so that `ticket hub fsck` finds rows that the disk has changed.

SQLite keeps no checksums of its own. The digest is filled in by the unit of work just before a row
is written; nothing else writes rows. A row that is lost has no digest to be wrong. So where nothing
else tells that it was there, the row that it belongs to carries a digest of its `children`, renewed
before a transaction is committed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapper, Session

from ticket_hub.durable import canonical_json
from ticket_hub_api.store.tables import Base

__all__ = ["children_digest", "holding", "install", "row_digest"]


def row_digest(table: str, values: Mapping[str, Any]) -> str:
    """The first 32 digits of the sha256 over a row's table and columns, its digest left out."""
    plain = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in values.items()
        if name != "digest"
    }
    return hashlib.sha256(canonical_json([table, plain])).hexdigest()[:32]


def children_digest(database: Connection | Session, parent: type[Base], key: str) -> str:
    """A digest over the rows that name a row of `parent` as the one that holds them, or nothing."""
    lines: list[str] = []
    for table in holding(parent):
        owner = getattr(table, table.held_by)
        found = database.execute(select(table.digest).where(owner == key)).scalars()
        lines += (f"{table.__tablename__} {digest}" for digest in found)
    if not lines:
        return ""
    return hashlib.sha256(canonical_json(sorted(lines))).hexdigest()[:32]


def holding(parent: type[Base]) -> list[type[Base]]:
    """The tables whose rows are held by rows of `parent`."""
    tables = (mapper.class_ for mapper in Base.registry.mappers)
    return [table for table in tables if table.held_by and _parent(table) is parent]


def _parent(table: type[Base]) -> type[Base]:
    (key,) = table.__table__.columns[table.held_by].foreign_keys
    (found,) = (m.class_ for m in Base.registry.mappers if m.local_table is key.column.table)
    parent: type[Base] = found
    return parent


def _note_children(session: Session, _context: object) -> None:
    """Remember, at each flush, whose children it changes."""
    changed = session.info.setdefault("held", set())
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, Base) and row.held_by:
            changed.add((_parent(type(row)), getattr(row, row.held_by)))


def _renew_children(session: Session) -> None:
    """Renew the digests of what was noted, in the same transaction."""
    session.flush()
    changed = session.info.pop("held", set())
    for parent, key in sorted(changed, key=lambda each: (each[0].__name__, each[1])):
        row = session.get(parent, key)
        if row is not None:
            row.children = children_digest(session, parent, key)
    session.flush()


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
    if event.contains(Base, "before_insert", _fill_in):
        return
    for moment in ("before_insert", "before_update"):
        event.listen(Base, moment, _fill_in, propagate=True)
    event.listen(Session, "after_flush", _note_children)
    event.listen(Session, "before_commit", _renew_children)
