"""Tickets of one metric in the order of what they came to, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from ticket_hub.bundle import open_bundle
from ticket_hub.durable import canonical_json
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.bundles import facts_of
from ticket_hub_api.catalog.entries import Listed, keep_facts, list_mirrored
from ticket_hub_api.catalog.ticket_query import TicketFilter
from ticket_hub_api.catalog.tickets import metrics_of, page_of
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import migrate

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
ADMIN = Principal(account_id="1" * 24, name="root", scope="admin")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_best_by_one_metric_come_first(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    fresh = request.getfixturevalue("fresh_database") if kind == "postgresql" else ""
    settings = Settings(folder=tmp_path, database=fresh) if fresh else Settings(folder=tmp_path)
    database = Database(settings.database_url)
    migrate(database)
    facts = facts_of(open_bundle(GOLDEN).manifest, None)
    label = {"label": "RMSE (m)", "name": "RMSE", "unit": "m", "lower_is_better": True}

    def enter(session: Session) -> None:
        for number, value in enumerate((0.9, None, 0.4)):
            rank = None if value is None else -value
            default = facts["default"] | {"value": value, "rank": rank}
            said = facts | {"metric": facts["metric"] | label, "default": default}
            row = {"bundle_id": "b" * 64, "problem": "", "facts": canonical_json(said).decode()}
            listed = Listed.mirrored(
                "https://far.example", f"eve/x{number}", "0" * 40, visibility="public", at=1
            )
            list_mirrored(session, listed, keep_facts(session, f"{number}" * 64, row))

    database.transact(enter)
    wanted = TicketFilter(metric="RMSE (m)", sort="best")
    with database.read() as connection:
        assert metrics_of(connection, ADMIN) == ["RMSE (m)"]
        whole = page_of(connection, wanted, ADMIN)
        assert [item.repo for item in whole.items] == ["eve/x2", "eve/x0", "eve/x1"]
        cursor, seen = "", []
        for _ in range(3):
            part = page_of(connection, wanted, ADMIN, cursor=cursor, limit=1)
            seen += [item.value for item in part.items]
            cursor = part.next_cursor
        assert seen == [0.4, 0.9, None]
        assert page_of(connection, TicketFilter(metric="accuracy", sort="best"), ADMIN).total == 0
    database.close()
