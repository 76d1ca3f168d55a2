"""What an account and a repository own is covered by their rows' digests; the turns of jobs."""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa
from alembic import op

from ticket_hub.durable import canonical_json

revision = "0005"
down_revision = "0004"

_CHILDREN = {
    "accounts": (("job_quotas", "account_id"), ("memberships", "organization_id"),
                 ("tokens", "account_id")),
    "repositories": (("former_names", "repository_id"),),
}  # fmt: skip


def upgrade() -> None:
    """Add the columns, fill them in, and renew the digests that cover them."""
    for name in _CHILDREN:
        column = sa.Column("children", sa.String(32), nullable=False, server_default="")
        op.add_column(name, column)
        _fill(name)
    op.create_index("jobs_by_turn", "jobs", ["state", "priority", "created_at", "id"])


def downgrade() -> None:
    """Drop them; the digests are those of the rows without them."""
    op.drop_index("jobs_by_turn", "jobs")
    for name in _CHILDREN:
        op.drop_column(name, "children")
        _renew(name, {})


def _fill(name: str) -> None:
    found: dict[str, list[str]] = {}
    for table, column in _CHILDREN[name]:
        rows = op.get_bind().execute(sa.text(f"SELECT {column}, digest FROM {table}"))  # noqa: S608 - the names are our own
        for owner, digest in rows.all():
            found.setdefault(owner, []).append(f"{table} {digest}")
    _renew(name, {owner: _digest(sorted(lines)) for owner, lines in found.items()})


def _renew(name: str, children: dict[str, str]) -> None:
    """Enter what belongs to each row, with the digest of the whole row, as this version has it."""
    bind = op.get_bind()
    table = sa.Table(name, sa.MetaData(), autoload_with=bind)
    for row in bind.execute(sa.select(table)).mappings().all():
        values = {key: value for key, value in row.items() if key != "digest"}
        if "children" in values:
            values["children"] = children.get(row["id"], "")
        digest = _digest([name, values])
        where = table.c.id == row["id"]
        bind.execute(sa.update(table).where(where).values(**values, digest=digest))


def _digest(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return hashlib.sha256(canonical_json(value)).hexdigest()[:32]
