"""The schema of the first release: accounts, repositories, history, objects; the catalog; jobs.

Every row carries a digest of itself (see `digests`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "v1"
down_revision = None

Column = sa.Column[Any]
_FILTERED = (
    "visibility", "owner_id", "network", "dataset", "density_bits", "accuracy_bits", "verdicts",
)  # fmt: skip
_KEY = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
_WORDS = "array_to_tsvector(string_to_array(words, ' '))"
TABLES = (
    "accounts", "objects", "secrets", "trees", "xorbs", "memberships", "repositories", "tokens",
    "xorb_uses", "commits", "former_names", "ref_changes", "refs", "repository_tags", "uploads",
    "uses", "bundle_facts", "evidence", "evidence_levels", "ticket_versions", "tickets",
    "ticket_levels", "job_workers", "job_quotas", "jobs", "job_events",
)  # fmt: skip


def upgrade() -> None:
    """Make all tables; those of the catalog are filled from the commits after it."""
    _make_hub()
    _make_catalog()
    _make_jobs()


def downgrade() -> None:
    """Drop all tables."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE ticket_words")
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_hub() -> None:
    _table(
        "accounts",
        _string("id", 24), _string("name", 96), _string("key", 96), _string("kind", 16),
        _string("full_name", 200), _string("email", 200), _flag("disabled"),
        _string("children", 32), _large("created_at"), key=["id"], unique=[["key"]],
    )  # fmt: skip
    _table(
        "objects",
        _string("sha256", 64), _large("size"), _string("key", 200), _string("xet_hash", 64),
        _data("terms"), _large("created_at"), _large("touched_at"), key=["sha256"],
    )  # fmt: skip
    _index("objects", "xet_hash")
    _table(
        "secrets",
        _string("name", 64), _string("value", 128), key=["name"],
    )  # fmt: skip
    _table(
        "trees",
        _string("oid", 40), _data("data"), key=["oid"],
    )  # fmt: skip
    _table(
        "xorbs",
        _string("hash", 64), _large("size"), _string("key", 200), _string("sha256", 64),
        _data("chunks"), _large("created_at"), _large("touched_at"), key=["hash"],
    )  # fmt: skip
    _table(
        "memberships",
        _string("organization_id", 24), _string("user_id", 24), _string("role", 16),
        _large("created_at"), key=["organization_id", "user_id"],
        refers={"organization_id": "accounts.id", "user_id": "accounts.id"},
    )  # fmt: skip
    _index("memberships", "user_id")
    _table(
        "repositories",
        _string("id", 24), _string("kind", 16), _string("owner_id", 24), _string("namespace", 96),
        _string("name", 96), _string("key", 208), _string("visibility", 16), _string("gated", 16),
        _string("head", 40), _whole("commits"), _whole("changes"), _large("downloads"),
        _string("library", 96), _string("pipeline", 96), _large("parameters", nullable=True),
        _string("children", 32), _large("created_at"), _large("updated_at"), key=["id"],
        refers={"owner_id": "accounts.id"}, unique=[["key"]],
    )  # fmt: skip
    _index("repositories", "library")
    _index("repositories", "owner_id")
    _index("repositories", "pipeline")
    op.create_index("repositories_by_creation", "repositories", ["created_at", "id"])
    op.create_index("repositories_by_downloads", "repositories", ["downloads", "id"])
    op.create_index("repositories_by_update", "repositories", ["updated_at", "id"])
    _table(
        "tokens",
        _string("id", 24), _string("account_id", 24), _string("name", 96),
        _string("secret_digest", 64), _string("scope", 16), _large("created_at"),
        _large("expires_at", nullable=True), _large("revoked_at", nullable=True), key=["id"],
        refers={"account_id": "accounts.id"}, unique=[["secret_digest"]],
    )  # fmt: skip
    _index("tokens", "account_id")
    _table(
        "xorb_uses",
        _string("sha256", 64), _string("xorb", 64), key=["sha256", "xorb"],
        refers={"sha256": "objects.sha256", "xorb": "xorbs.hash"},
    )  # fmt: skip
    _index("xorb_uses", "xorb")
    _table(
        "commits",
        _string("repository_id", 24), _string("oid", 40), _whole("number"), _string("parent", 40),
        _string("tree", 40), _text("title"), _text("message"), _string("author", 96),
        _text("summary"), _large("created_at"), key=["repository_id", "oid"],
        refers={"repository_id": "repositories.id", "tree": "trees.oid"},
        unique=[["repository_id", "number"]],
    )  # fmt: skip
    _index("commits", "tree")
    _table(
        "former_names",
        _string("key", 208), _string("repository_id", 24), key=["key"],
        refers={"repository_id": "repositories.id"},
    )  # fmt: skip
    _index("former_names", "repository_id")
    _table(
        "ref_changes",
        _string("repository_id", 24), _whole("number"), _string("name", 255), _string("old", 40),
        _string("new", 40), _string("author", 96), _large("created_at"),
        key=["repository_id", "number"], refers={"repository_id": "repositories.id"},
    )  # fmt: skip
    _table(
        "refs",
        _string("repository_id", 24), _string("name", 255), _string("target", 40), _text("message"),
        _large("created_at"), _large("updated_at"), key=["repository_id", "name"],
        refers={"repository_id": "repositories.id"},
    )  # fmt: skip
    _table(
        "repository_tags",
        _string("repository_id", 24), _string("tag", 200), key=["repository_id", "tag"],
        refers={"repository_id": "repositories.id"},
    )  # fmt: skip
    _index("repository_tags", "tag")
    _table(
        "uploads",
        _string("repository_id", 24), _string("sha256", 64), _large("created_at"),
        key=["repository_id", "sha256"],
        refers={"repository_id": "repositories.id", "sha256": "objects.sha256"},
    )  # fmt: skip
    _index("uploads", "sha256")
    _table(
        "uses",
        _string("repository_id", 24), _string("sha256", 64), key=["repository_id", "sha256"],
        refers={"repository_id": "repositories.id", "sha256": "objects.sha256"},
    )  # fmt: skip
    _index("uses", "sha256")


def _make_catalog() -> None:
    _table(
        "bundle_facts",
        _string("manifest", 64), _string("bundle_id", 64), _text("problem"), _text("facts"),
        key=["manifest"],
    )  # fmt: skip
    _index("bundle_facts", "bundle_id")
    _table(
        "evidence",
        _string("id", 64), _string("repository_id", 24), _string("bundle_id", 64),
        _string("origin", 16), _string("sender", 96), _string("experiment", 64),
        _string("found_on", 200), _string("dataset", 200), _string("network", 200), _text("body"),
        _large("created_at"), key=["id", "repository_id"],
        refers={"repository_id": "repositories.id"},
    )  # fmt: skip
    _index("evidence", "bundle_id")
    _index("evidence", "dataset")
    _table(
        "evidence_levels",
        _string("evidence_id", 64), _string("repository_id", 24), _whole("level"),
        _string("place", 4), _real("density"), _real("transferred"), _string("head", 24),
        _whole("n"), _whole("tickets", nullable=True), _real("accuracy"),
        _real("low", nullable=True), _real("high", nullable=True), _real("gain", nullable=True),
        _real("gain_low", nullable=True), _real("gain_high", nullable=True), _string("verdict", 24),
        _text("reason"), key=["evidence_id", "repository_id", "level"],
        refers={"repository_id": "repositories.id"},
    )  # fmt: skip
    _table(
        "ticket_versions",
        _string("repository_id", 24), _string("oid", 40), _whole("number"), _string("manifest", 64),
        _text("problem"), key=["repository_id", "oid"],
        refers={"repository_id": "repositories.id"},
    )  # fmt: skip
    _index("ticket_versions", "manifest")
    _table(
        "tickets",
        _large("number"), _string("id", 24), _string("repository_id", 24, nullable=True),
        _string("source", 300), _string("owner_id", 24), _string("visibility", 16),
        _string("namespace", 96), _string("name", 96), sa.Column("key", _KEY, nullable=False),
        _string("head", 40), _string("manifest", 64), _string("bundle_id", 64),
        _string("network", 200), _string("dataset", 200), _string("recipe", 200), _whole("trials"),
        _whole("levels"), _large("prunable"), _whole("level"), _string("rule", 24),
        _real("density"), _real("accuracy"), _real("low", nullable=True),
        _real("high", nullable=True), _real("gain", nullable=True),
        _real("gain_low", nullable=True), _real("gain_high", nullable=True), _whole("n"),
        _string("verdict", 24), _large("density_bits"), _large("accuracy_bits"), _whole("verdicts"),
        _text("words"), _large("created_at"), _large("updated_at"), key=["number"],
        refers={"repository_id": "repositories.id", "manifest": "bundle_facts.manifest"},
        unique=[["id"]],
    )  # fmt: skip
    _index("tickets", "bundle_id")
    _index("tickets", "manifest")
    _index("tickets", "repository_id")
    op.create_index("tickets_by_accuracy", "tickets", ["accuracy", "id", *_FILTERED, "key"])
    op.create_index("tickets_by_density", "tickets", ["density", "id", *_FILTERED, "key"])
    op.create_index("tickets_by_kind", "tickets", ["network", "dataset"])
    op.create_index("tickets_by_name", "tickets", ["key", "id", *_FILTERED])
    op.create_index("tickets_by_update", "tickets", ["updated_at", "id", *_FILTERED, "key"])
    _table(
        "ticket_levels",
        _string("ticket_id", 24), _whole("level"), _real("density"), _real("accuracy"),
        _string("verdict", 24), key=["ticket_id", "level"], refers={"ticket_id": "tickets.id"},
    )  # fmt: skip
    result = ["density", "accuracy", "verdict"]
    op.create_index("ticket_levels_by_density", "ticket_levels", [*result, "ticket_id"])
    op.create_index("ticket_levels_by_ticket", "ticket_levels", ["ticket_id", *result])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE ticket_words USING fts5"
            "(words, tokenize='unicode61 remove_diacritics 0')"
        )
    else:
        op.execute(f"CREATE INDEX tickets_by_words ON tickets USING gin ({_WORDS})")


def _make_jobs() -> None:
    _table(
        "job_workers",
        _string("id", 24), _string("name", 200), _string("device", 64), _string("engine", 16),
        _string("job_id", 24), _large("started_at"), _large("seen_at"),
        _large("stopped_at", nullable=True), key=["id"],
    )  # fmt: skip
    _index("job_workers", "seen_at")
    _table(
        "job_quotas",
        _string("account_id", 24), _large("seconds"), key=["account_id"],
        refers={"account_id": "accounts.id"},
    )  # fmt: skip
    _table(
        "jobs",
        _string("id", 24), _string("account_id", 24), _string("kind", 16), _string("title", 300),
        _text("spec"), _string("repository", 400), _string("state", 16), _whole("priority"),
        _whole("attempt"), _whole("failures"), _whole("losses"), _string("stop", 16),
        _string("worker_id", 24), _large("lease_until"), _text("progress"), _whole("events"),
        _text("estimate"), _text("result"), _text("problem"), _text("remedy"), _large("used"),
        _string("idempotency_key", 100, nullable=True), _string("request_digest", 64),
        _large("created_at"), _large("started_at", nullable=True),
        _large("finished_at", nullable=True), key=["id"], refers={"account_id": "accounts.id"},
        unique=[["account_id", "idempotency_key"]],
    )  # fmt: skip
    op.create_index("jobs_by_account", "jobs", ["account_id", "created_at"])
    op.create_index("jobs_by_creation", "jobs", ["created_at", "id"])
    op.create_index("jobs_by_state", "jobs", ["state", "lease_until"])
    op.create_index("jobs_by_turn", "jobs", ["state", "priority", "created_at", "id"])
    _table(
        "job_events",
        _string("job_id", 24), _whole("number", autoincrement=False), _string("kind", 32),
        _text("data"), _large("created_at"), key=["job_id", "number"],
        refers={"job_id": "jobs.id"},
    )  # fmt: skip


def _table(
    name: str,
    *columns: Column,
    key: Sequence[str],
    refers: dict[str, str] | None = None,
    unique: Sequence[Sequence[str]] = (),
) -> None:
    """Make a table; `refers` maps columns to those that they refer to."""
    op.create_table(
        name,
        *columns,
        _string("digest", 32),
        sa.PrimaryKeyConstraint(*key),
        *(sa.ForeignKeyConstraint([own], [other]) for own, other in (refers or {}).items()),
        *(sa.UniqueConstraint(*some) for some in unique),
    )


def _index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column])


def _string(name: str, length: int, *, nullable: bool = False) -> Column:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _text(name: str) -> Column:
    return sa.Column(name, sa.Text(), nullable=False)


def _data(name: str) -> Column:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _flag(name: str) -> Column:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _whole(name: str, **options: Any) -> Column:  # noqa: ANN401 - of a column
    return sa.Column(name, sa.Integer(), **{"nullable": False, **options})


def _large(name: str, *, nullable: bool = False) -> Column:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _real(name: str, *, nullable: bool = False) -> Column:
    return sa.Column(name, sa.Double(), nullable=nullable)
