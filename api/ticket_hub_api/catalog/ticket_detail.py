"""One ticket with all that is known of it, as the REST API and the pages show it."""

from __future__ import annotations

import json

from sqlalchemy import select

from ticket_hub.errors import TicketNotFoundError
from ticket_hub.recipe.own import ACCURACY
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.description_shapes import Description
from ticket_hub_api.catalog.ticket_query import (
    visible,
)
from ticket_hub_api.catalog.ticket_shapes import (
    TicketDetail,
    TicketFile,
    TicketRevision,
)
from ticket_hub_api.catalog.tickets import COUNTED, Rows
from ticket_hub_api.errors import ApiError
from ticket_hub_api.store import repositories, revisions
from ticket_hub_api.store.names import RepositoryKey
from ticket_hub_api.store.revisions import TAGS
from ticket_hub_api.store.tables import Commit, Ref
from ticket_hub_api.store.ticket_tables import (
    BundleFacts,
    TicketEntry,
    TicketVersion,
)
from ticket_hub_api.store.trees import load_tree

__all__ = ["one_ticket"]


def one_ticket(
    database: Rows, viewer: Principal, repo: str, revision: str = "main"
) -> TicketDetail:
    """A ticket of this hub, or else a mirrored one of that name.

    Args:
        repo: `owner/name`.
        revision: a branch, tag or commit.

    Raises:
        ApiError: there is no such repository or revision, or the viewer may not know of it.
        TicketNotFoundError: it holds no sound bundle.
    """
    mirrored = _mirrored(database, viewer, repo) if revision == "main" else None
    try:
        row = repositories.find_readable(database, viewer, RepositoryKey("model", repo))
    except ApiError:
        if mirrored is None:
            raise
        return mirrored
    commit = revisions.resolve_revision(database, row, revision)
    version = _version(database, row.id, commit.oid)
    files = load_tree(database, commit.tree)
    return TicketDetail(
        repo=row.full_name,
        source="",
        private=row.private,
        commit=commit.oid,
        description=version,
        files=tuple(
            TicketFile(path=path, size=entry.size, sha256=entry.sha256)
            for path, entry in files.items()
        ),
        revisions=_revisions(database, row.id),
    )


def _mirrored(database: Rows, viewer: Principal, repo: str) -> TicketDetail | None:
    statement = (
        select(
            TicketEntry.namespace, TicketEntry.name, TicketEntry.source, TicketEntry.head,
            BundleFacts.facts,
        )
        .join(BundleFacts, BundleFacts.manifest == TicketEntry.manifest)
        .where(TicketEntry.key == repo.lower(), TicketEntry.source != "", *visible(viewer))
        .order_by(TicketEntry.source)
    )  # fmt: skip
    row = database.execute(statement).first()
    if row is None:
        return None
    facts = _description(row.facts)
    files = facts["files"].items()
    return TicketDetail(
        repo=f"{row.namespace}/{row.name}",
        source=row.source,
        private=False,
        commit=row.head,
        description=facts,
        files=tuple(TicketFile(path=path, **about) for path, about in files),
        revisions=(),
    )


def _version(database: Rows, repository_id: str, oid: str) -> Description:
    """The facts of a commit.

    Raises:
        TicketNotFoundError: it holds no sound bundle.
    """
    row = database.execute(
        select(TicketVersion.problem, BundleFacts.facts)
        .outerjoin(BundleFacts, BundleFacts.manifest == TicketVersion.manifest)
        .where(TicketVersion.repository_id == repository_id, TicketVersion.oid == oid)
    ).first()
    if row is None:
        raise TicketNotFoundError(
            "This revision is still being read.", "It was pushed just now: ask again in a moment."
        )
    if row.problem or row.facts is None:
        raise TicketNotFoundError(
            f"This revision holds no ticket. {row.problem}".rstrip(),
            "Push a bundle with `ticket push`, or choose another revision.",
        )
    return _description(row.facts)


def _description(text: str) -> Description:
    """Facts without the evidence that came with the bundle, which is among the experiments."""
    facts = json.loads(text)
    facts.pop("experiments", None)
    facts.pop("cost", None)  # what lists show of the costs
    facts.setdefault("metric", vars(ACCURACY) | {"label": ACCURACY.label})
    found: Description = facts
    return found


def _revisions(database: Rows, repository_id: str) -> tuple[TicketRevision, ...]:
    tags: dict[str, list[str]] = {}
    named = select(Ref.name, Ref.target).where(
        Ref.repository_id == repository_id, Ref.name.startswith(TAGS)
    )
    for name, target in database.execute(named.order_by(Ref.name)):
        tags.setdefault(target, []).append(name.removeprefix(TAGS))
    rows = database.execute(
        select(Commit.oid, Commit.title, Commit.author, Commit.created_at)
        .join(
            TicketVersion,
            (TicketVersion.repository_id == Commit.repository_id)
            & (TicketVersion.oid == Commit.oid),
        )
        .where(
            Commit.repository_id == repository_id,
            TicketVersion.manifest != "",
            TicketVersion.problem == "",
        )
        .order_by(Commit.number.desc())
        .limit(COUNTED)
    )
    return tuple(
        TicketRevision(
            commit=row.oid, title=row.title, author=row.author, created_at=row.created_at,
            tags=tuple(tags.get(row.oid, ())),
        )
        for row in rows
    )  # fmt: skip
