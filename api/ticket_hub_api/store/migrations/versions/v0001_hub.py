"""The first schema: accounts, repositories, history and objects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    _make_accounts()
    _make_objects()
    _make_secrets()
    _make_trees()
    _make_xorbs()
    _make_memberships()
    _make_repositories()
    _make_tokens()
    _make_xorb_uses()
    _make_commits()
    _make_former_names()
    _make_ref_changes()
    _make_refs()
    _make_repository_tags()
    _make_uploads()
    _make_uses()


def downgrade() -> None:
    """Drop all tables."""
    for table in (
        "uses",
        "uploads",
        "repository_tags",
        "refs",
        "ref_changes",
        "former_names",
        "commits",
        "xorb_uses",
        "tokens",
        "repositories",
        "memberships",
        "xorbs",
        "trees",
        "secrets",
        "objects",
        "accounts",
    ):
        op.drop_table(table)


def _make_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("key", sa.String(length=96), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("full_name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=200), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )


def _make_memberships() -> None:
    op.create_table(
        "memberships",
        sa.Column("organization_id", sa.String(length=24), nullable=False),
        sa.Column("user_id", sa.String(length=24), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["accounts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "user_id"),
    )
    op.create_index(op.f("ix_memberships_user_id"), "memberships", ["user_id"], unique=False)


def _make_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("account_id", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("secret_digest"),
    )
    op.create_index(op.f("ix_tokens_account_id"), "tokens", ["account_id"], unique=False)


def _make_secrets() -> None:
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _make_repositories() -> None:
    op.create_table(
        "repositories",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("owner_id", sa.String(length=24), nullable=False),
        sa.Column("namespace", sa.String(length=96), nullable=False),
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("key", sa.String(length=208), nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("gated", sa.String(length=16), nullable=False),
        sa.Column("head", sa.String(length=40), nullable=False),
        sa.Column("commits", sa.Integer(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("downloads", sa.BigInteger(), nullable=False),
        sa.Column("library", sa.String(length=96), nullable=False),
        sa.Column("pipeline", sa.String(length=96), nullable=False),
        sa.Column("parameters", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(op.f("ix_repositories_library"), "repositories", ["library"], unique=False)
    op.create_index(op.f("ix_repositories_owner_id"), "repositories", ["owner_id"], unique=False)
    op.create_index(op.f("ix_repositories_pipeline"), "repositories", ["pipeline"], unique=False)
    op.create_index("repositories_by_creation", "repositories", ["created_at", "id"], unique=False)
    op.create_index("repositories_by_downloads", "repositories", ["downloads", "id"], unique=False)
    op.create_index("repositories_by_update", "repositories", ["updated_at", "id"], unique=False)


def _make_former_names() -> None:
    op.create_table(
        "former_names",
        sa.Column("key", sa.String(length=208), nullable=False),
        sa.Column("repository_id", sa.String(length=24), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
        ),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(
        op.f("ix_former_names_repository_id"), "former_names", ["repository_id"], unique=False
    )


def _make_repository_tags() -> None:
    op.create_table(
        "repository_tags",
        sa.Column("repository_id", sa.String(length=24), nullable=False),
        sa.Column("tag", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
        ),
        sa.PrimaryKeyConstraint("repository_id", "tag"),
    )
    op.create_index(op.f("ix_repository_tags_tag"), "repository_tags", ["tag"], unique=False)


def _make_trees() -> None:
    op.create_table(
        "trees",
        sa.Column("oid", sa.String(length=40), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("oid"),
    )


def _make_commits() -> None:
    op.create_table(
        "commits",
        sa.Column("repository_id", sa.String(length=24), nullable=False),
        sa.Column("oid", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("parent", sa.String(length=40), nullable=False),
        sa.Column("tree", sa.String(length=40), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=96), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
        ),
        sa.ForeignKeyConstraint(
            ["tree"],
            ["trees.oid"],
        ),
        sa.PrimaryKeyConstraint("repository_id", "oid"),
        sa.UniqueConstraint("repository_id", "number"),
    )
    op.create_index(op.f("ix_commits_tree"), "commits", ["tree"], unique=False)


def _make_refs() -> None:
    op.create_table(
        "refs",
        sa.Column("repository_id", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("target", sa.String(length=40), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
        ),
        sa.PrimaryKeyConstraint("repository_id", "name"),
    )


def _make_ref_changes() -> None:
    op.create_table(
        "ref_changes",
        sa.Column("repository_id", sa.String(length=24), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("old", sa.String(length=40), nullable=False),
        sa.Column("new", sa.String(length=40), nullable=False),
        sa.Column("author", sa.String(length=96), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
        ),
        sa.PrimaryKeyConstraint("repository_id", "number"),
    )


def _make_objects() -> None:
    op.create_table(
        "objects",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("xet_hash", sa.String(length=64), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index(op.f("ix_objects_xet_hash"), "objects", ["xet_hash"], unique=False)


def _make_xorbs() -> None:
    op.create_table(
        "xorbs",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("chunks", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )


def _make_uses() -> None:
    op.create_table(
        "uses",
        sa.Column("repository_id", sa.String(length=24), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
        ),
        sa.ForeignKeyConstraint(
            ["sha256"],
            ["objects.sha256"],
        ),
        sa.PrimaryKeyConstraint("repository_id", "sha256"),
    )
    op.create_index(op.f("ix_uses_sha256"), "uses", ["sha256"], unique=False)


def _make_uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("repository_id", sa.String(length=24), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
        ),
        sa.ForeignKeyConstraint(
            ["sha256"],
            ["objects.sha256"],
        ),
        sa.PrimaryKeyConstraint("repository_id", "sha256"),
    )
    op.create_index(op.f("ix_uploads_sha256"), "uploads", ["sha256"], unique=False)


def _make_xorb_uses() -> None:
    op.create_table(
        "xorb_uses",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("xorb", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["sha256"],
            ["objects.sha256"],
        ),
        sa.ForeignKeyConstraint(
            ["xorb"],
            ["xorbs.hash"],
        ),
        sa.PrimaryKeyConstraint("sha256", "xorb"),
    )
    op.create_index(op.f("ix_xorb_uses_xorb"), "xorb_uses", ["xorb"], unique=False)
