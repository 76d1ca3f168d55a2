"""Alembic's environment: runs migrations on the engine that the caller gives."""

from __future__ import annotations

from alembic import context

from ticket_hub_api.store.tables import Base


def run() -> None:
    """Run migrations in one transaction each."""
    engine = context.config.attributes["engine"]
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=Base.metadata, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()


run()
