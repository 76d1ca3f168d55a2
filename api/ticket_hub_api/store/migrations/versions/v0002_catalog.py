"""The catalog: what the bundles of commits say, lists of tickets, and evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NAME = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
_FILTERED = (
    "visibility", "owner_id", "network", "dataset", "density_bits", "accuracy_bits", "verdicts",
)  # fmt: skip
_WORDS = "array_to_tsvector(string_to_array(words, ' '))"


def upgrade() -> None:
    """Make the tables of the catalog; they are filled from the commits after it."""
    _make_bundle_facts()
    _make_ticket_versions()
    _make_tickets()
    _make_ticket_levels()
    _make_evidence()
    _make_evidence_levels()
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE ticket_words USING fts5"
            "(words, tokenize='unicode61 remove_diacritics 0')"
        )
    else:
        op.execute(f"CREATE INDEX tickets_by_words ON tickets USING gin ({_WORDS})")


def downgrade() -> None:
    """Drop the tables of the catalog; evidence that was sent here is lost."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE ticket_words")
    for table in (
        "evidence_levels",
        "evidence",
        "ticket_levels",
        "tickets",
        "ticket_versions",
        "bundle_facts",
    ):
        op.drop_table(table)


def _make_bundle_facts() -> None:
    op.create_table(
        "bundle_facts",
        sa.Column("manifest", sa.String(64), nullable=False),
        sa.Column("bundle_id", sa.String(64), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("manifest"),
    )
    op.create_index("ix_bundle_facts_bundle_id", "bundle_facts", ["bundle_id"])


def _make_ticket_versions() -> None:
    op.create_table(
        "ticket_versions",
        sa.Column("repository_id", sa.String(24), nullable=False),
        sa.Column("oid", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("manifest", sa.String(64), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"]),
        sa.PrimaryKeyConstraint("repository_id", "oid"),
    )
    op.create_index("ix_ticket_versions_manifest", "ticket_versions", ["manifest"])


def _make_tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("repository_id", sa.String(24), nullable=True),
        sa.Column("source", sa.String(300), nullable=False),
        sa.Column("owner_id", sa.String(24), nullable=False),
        sa.Column("visibility", sa.String(16), nullable=False),
        sa.Column("namespace", sa.String(96), nullable=False),
        sa.Column("name", sa.String(96), nullable=False),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("head", sa.String(40), nullable=False),
        sa.Column("manifest", sa.String(64), nullable=False),
        sa.Column("bundle_id", sa.String(64), nullable=False),
        sa.Column("network", sa.String(200), nullable=False),
        sa.Column("dataset", sa.String(200), nullable=False),
        sa.Column("recipe", sa.String(200), nullable=False),
        sa.Column("trials", sa.Integer(), nullable=False),
        sa.Column("levels", sa.Integer(), nullable=False),
        sa.Column("prunable", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(24), nullable=False),
        sa.Column("density", sa.Double(), nullable=False),
        sa.Column("accuracy", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("gain", sa.Double(), nullable=True),
        sa.Column("gain_low", sa.Double(), nullable=True),
        sa.Column("gain_high", sa.Double(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(24), nullable=False),
        sa.Column("density_bits", sa.BigInteger(), nullable=False),
        sa.Column("accuracy_bits", sa.BigInteger(), nullable=False),
        sa.Column("verdicts", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"]),
        sa.ForeignKeyConstraint(["manifest"], ["bundle_facts.manifest"]),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("ix_tickets_repository_id", "tickets", ["repository_id"])
    op.create_index("ix_tickets_manifest", "tickets", ["manifest"])
    op.create_index("ix_tickets_bundle_id", "tickets", ["bundle_id"])
    op.create_index("tickets_by_kind", "tickets", ["network", "dataset"])
    op.create_index("tickets_by_update", "tickets", ["updated_at", "id", *_FILTERED, "key"])
    op.create_index("tickets_by_name", "tickets", ["key", "id", *_FILTERED])
    op.create_index("tickets_by_accuracy", "tickets", ["accuracy", "id", *_FILTERED, "key"])
    op.create_index("tickets_by_density", "tickets", ["density", "id", *_FILTERED, "key"])


def _make_ticket_levels() -> None:
    op.create_table(
        "ticket_levels",
        sa.Column("ticket_id", sa.String(24), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("density", sa.Double(), nullable=False),
        sa.Column("accuracy", sa.Double(), nullable=False),
        sa.Column("verdict", sa.String(24), nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"]),
        sa.PrimaryKeyConstraint("ticket_id", "level"),
    )
    columns = ["density", "accuracy", "verdict"]
    op.create_index("ticket_levels_by_ticket", "ticket_levels", ["ticket_id", *columns])
    op.create_index("ticket_levels_by_density", "ticket_levels", [*columns, "ticket_id"])


def _make_evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("repository_id", sa.String(24), nullable=False),
        sa.Column("bundle_id", sa.String(64), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("sender", sa.String(96), nullable=False),
        sa.Column("experiment", sa.String(64), nullable=False),
        sa.Column("found_on", sa.String(200), nullable=False),
        sa.Column("dataset", sa.String(200), nullable=False),
        sa.Column("network", sa.String(200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"]),
        sa.PrimaryKeyConstraint("id", "repository_id"),
    )
    op.create_index("ix_evidence_bundle_id", "evidence", ["bundle_id"])
    op.create_index("ix_evidence_dataset", "evidence", ["dataset"])


def _make_evidence_levels() -> None:
    op.create_table(
        "evidence_levels",
        sa.Column("evidence_id", sa.String(64), nullable=False),
        sa.Column("repository_id", sa.String(24), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(4), nullable=False),
        sa.Column("density", sa.Double(), nullable=False),
        sa.Column("transferred", sa.Double(), nullable=False),
        sa.Column("head", sa.String(24), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("accuracy", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("gain", sa.Double(), nullable=True),
        sa.Column("gain_low", sa.Double(), nullable=True),
        sa.Column("gain_high", sa.Double(), nullable=True),
        sa.Column("verdict", sa.String(24), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"]),
        sa.PrimaryKeyConstraint("evidence_id", "repository_id", "level"),
    )
