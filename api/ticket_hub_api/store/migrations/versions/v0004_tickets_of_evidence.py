"""Evidence says of how many tickets its trials are."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from ticket_hub_api.store.digests import row_digest

revision = "0004"
down_revision = "0003"

LEVELS = "evidence_levels"


def upgrade() -> None:
    """Count the tickets of every level of the evidence that is here, and seal the rows anew."""
    op.add_column(LEVELS, sa.Column("tickets", sa.Integer(), nullable=True))
    connection = op.get_bind()
    evidence = sa.table("evidence", *map(sa.column, ("id", "repository_id", "body")))
    counts = {
        (row.id, row.repository_id, level["level"]): _count(level)
        for row in connection.execute(sa.select(evidence))
        for level in json.loads(row.body)["levels"]
    }
    _seal({key: {"tickets": count} for key, count in counts.items()})


def downgrade() -> None:
    """Forget them."""
    op.drop_column(LEVELS, "tickets")
    _seal({})


def _count(level: dict[str, dict[str, list[dict[str, str]]]]) -> int:
    return len({trial["ticket"] for trial in level["trials"]["ticket"]})


def _seal(changes: dict[tuple[str, str, int], dict[str, int]]) -> None:
    """Write every row again with its changes and its digest."""
    connection = op.get_bind()
    table = sa.Table(LEVELS, sa.MetaData(), autoload_with=connection)
    columns = (table.c.evidence_id, table.c.repository_id, table.c.level)
    for row in connection.execute(sa.select(table)).mappings().all():
        key = (row["evidence_id"], row["repository_id"], row["level"])
        change = changes.get(key, {})
        digest = row_digest(LEVELS, dict(row) | change)
        which = [column == part for column, part in zip(columns, key, strict=True)]
        connection.execute(table.update().where(*which).values(**change, digest=digest))
