"""Who vouches for a ticket, in its row: replays by others, and the signer.

All commits are looked at anew, as after a crash: what the files beside their manifests say was not
kept until now. What is known of bundles stays, and so do the lists meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from ticket_hub.durable import canonical_json

revision = "v4"
down_revision = "v3"

_INDEX = ["replay_rank", "id", "visibility", "owner_id", "network", "dataset", "density_bits",
          "accuracy_bits", "verdicts", "key"]  # fmt: skip
_TEXTS: Mapping[str, sa.types.TypeEngine[Any]] = {"said": sa.Text(), "signers": sa.String(64)}
_COUNTS: Mapping[str, sa.types.TypeEngine[Any]] = {
    "replays": sa.Integer(),
    "identical": sa.Integer(),
    "replay_rank": sa.BigInteger(),
}


def upgrade() -> None:
    """Add the columns, and have every commit looked at again."""
    op.execute("DELETE FROM ticket_versions")
    for name, kind in _TEXTS.items():
        op.add_column("ticket_versions", sa.Column(name, kind, nullable=False, server_default=""))
    op.create_index("ix_ticket_versions_signers", "ticket_versions", ["signers"])
    for name, kind in _COUNTS.items():
        op.add_column("tickets", sa.Column(name, kind, nullable=False, server_default="0"))
    signed_by = sa.Column("signed_by", sa.String(255), nullable=False, server_default="")
    op.add_column("tickets", signed_by)
    op.create_index("tickets_by_replays", "tickets", _INDEX)
    _renew_digests()


def downgrade() -> None:
    """Drop them; the digests are those of the rows without them."""
    op.execute("DELETE FROM ticket_versions")
    op.drop_index("tickets_by_replays", "tickets")
    for name in (*_COUNTS, "signed_by"):
        op.drop_column("tickets", name)
    op.drop_index("ix_ticket_versions_signers", "ticket_versions")
    for name in _TEXTS:
        op.drop_column("ticket_versions", name)
    _renew_digests()


def _renew_digests() -> None:
    """The digests of the rows of tickets, as this version has them."""
    bind = op.get_bind()
    table = sa.Table("tickets", sa.MetaData(), autoload_with=bind)
    for row in bind.execute(sa.select(table)).mappings().all():
        values = {key: value for key, value in row.items() if key != "digest"}
        where = table.c.number == row["number"]
        bind.execute(sa.update(table).where(where).values(digest=_digest(values)))


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(["tickets", values])).hexdigest()[:32]
