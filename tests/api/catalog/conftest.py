from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from ticket_hub.hub import connect, push
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.background import RunningHub
from ticket_hub_api.store.database import Database

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"


@pytest.fixture
def stranger(hub: RunningHub) -> Callable[[str], str]:
    """Makes the token of a new account that has nothing to do with anybody."""

    def make(scope: str) -> str:
        database = Database(hub.settings.database_url)
        try:
            name = f"stranger-{uuid.uuid4().hex[:8]}"
            accounts.add_user(database, name)
            return tokens.create_token(database, name, scope=scope).secret
        finally:
            database.close()

    return make


@pytest.fixture(scope="session")
def golden(hub: RunningHub, owner: str) -> str:
    """A repository with the golden bundle, pushed as `ticket push` does."""
    repo = f"{owner}/catalog-golden"
    push(connect(hub.endpoint, token=hub.token), GOLDEN, repo)
    return repo
