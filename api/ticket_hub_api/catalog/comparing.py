"""Tickets of this hub beside each other, by the same code as `ticket compare`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from ticket_hub.bundle.layout import CONFIG
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog import bundles
from ticket_hub_api.catalog.ticket_detail import one_ticket
from ticket_hub_api.catalog.ticket_files import part_of, refuse_many_curves
from ticket_hub_api.torch_process import OpenHub

if TYPE_CHECKING:
    from ticket_hub.comparison import Compared

__all__ = ["compare_named", "pinned", "place_of"]

NEEDED = (bundles.MANIFEST, CONFIG, bundles.METRICS)


def compare_named(hub: OpenHub, viewer: Principal, names: Sequence[str]) -> Compared:
    """The later of these tickets, named `owner/name[@revision]`, against the first.

    Raises:
        ApiError: there is no such repository or revision, or the viewer may not know of it.
        TicketNotFoundError: it holds no sound bundle. HubError: its files are on another hub.
        BundleError: a bundle cannot be read, or has too many curves.
        EvidenceError: nothing was measured in one.
    """
    with hub.database.read() as connection:
        return _compare_tickets(hub, connection, viewer, [place_of(name) for name in names])


def _compare_tickets(
    hub: OpenHub, connection: Connection, viewer: Principal, places: Sequence[tuple[str, str]]
) -> Compared:
    """The later tickets against the first, as `ticket compare` puts them.

    Args:
        places: repository and revision of each.

    Raises:
        ApiError: there is no such repository or revision, or the viewer may not know of it.
        TicketNotFoundError: it holds no sound bundle. HubError: its files are on another hub.
        BundleError: a bundle cannot be read, or has too many curves.
        EvidenceError: nothing was measured in one.
    """
    from ticket_hub.bundle import open_bundle
    from ticket_hub.comparison import bundle_study, compare_studies

    hub.settings.spool.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=hub.settings.spool) as name:
        studies = []
        for number, (repo, revision) in enumerate(places):
            folder = Path(name) / str(number)
            ticket = one_ticket(connection, viewer, repo, revision)
            # None of the parts that a comparison reads is large.
            folder.mkdir()
            for path in NEEDED:
                content = part_of(hub, connection, ticket, path).content
                refuse_many_curves(ticket, content.size)
                (folder / path).write_bytes(content.head(content.size))
            shown = repo if revision == "main" else f"{repo}@{revision}"
            studies.append(bundle_study(open_bundle(folder), name=shown))
        return compare_studies(studies)


def place_of(name: str) -> tuple[str, str]:
    """Repository and revision of `owner/name[@revision]`."""
    repo, _, revision = name.partition("@")
    return repo, revision or "main"


def pinned(
    connection: Connection, viewer: Principal, places: Sequence[tuple[str, str]]
) -> list[str]:
    """`owner/name@commit` of each ticket: names of what never changes.

    Raises:
        ApiError: there is no such repository or revision, or the viewer may not know of it.
        TicketNotFoundError: it holds no sound bundle.
    """
    tickets = [one_ticket(connection, viewer, repo, revision) for repo, revision in places]
    return [f"{ticket.repo}@{ticket.commit}" for ticket in tickets]
