from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from ticket_hub_api import accounts
from ticket_hub_api.background import RunningHub
from ticket_hub_api.catalog.database import Database


@pytest.fixture
def stranger(hub: RunningHub) -> Callable[[str], str]:
    """Makes the token of a new account that has nothing to do with anybody."""

    def make(scope: str) -> str:
        database = Database(hub.settings.database_url)
        try:
            name = f"stranger-{uuid.uuid4().hex[:8]}"
            accounts.add_user(database, name)
            return accounts.create_token(database, name, scope=scope).secret
        finally:
            database.close()

    return make
