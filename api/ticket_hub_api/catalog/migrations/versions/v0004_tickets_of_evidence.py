"""Evidence says of how many tickets its trials are."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Count the tickets of every level of the evidence that is here."""
    op.add_column("evidence_levels", sa.Column("tickets", sa.Integer(), nullable=True))
    levels = sa.table(
        "evidence_levels",
        *(sa.column(name) for name in ("evidence_id", "repository_id", "level", "tickets")),
    )
    evidence = sa.table("evidence", *(sa.column(name) for name in ("id", "repository_id", "body")))
    connection = op.get_bind()
    for row in connection.execute(sa.select(evidence)).all():
        for level in json.loads(row.body)["levels"]:
            names = {each["ticket"] for each in level["trials"]["ticket"]}
            connection.execute(
                levels.update()
                .where(
                    levels.c.evidence_id == row.id,
                    levels.c.repository_id == row.repository_id,
                    levels.c.level == level["level"],
                )
                .values(tickets=len(names))
            )


def downgrade() -> None:
    """Forget them."""
    op.drop_column("evidence_levels", "tickets")
