"""Finding repositories: filters, order, and pages that stay right while others push."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select, tuple_
from sqlalchemy.engine import Connection

from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.errors import bad_request
from ticket_hub_api.hub_protocol.info import choose, describe, siblings
from ticket_hub_api.store.repositories import REPOSITORY_COLUMNS, RepositoryRow, visible
from ticket_hub_api.store.tables import Commit, Repository, RepositoryTag
from ticket_hub_api.store.trees import load_tree

__all__ = ["ListingQuery", "list_repositories", "parse_flag", "whole_number"]

DEFAULT_PAGE = 100
MAX_PAGE = 1000
MAX_SIZE = 2**63 - 1  # of the databases
_BOUND = re.compile(r"(min|max):([0-9]{1,15}(?:\.[0-9]{1,6})?)([KMBT]?)")
_SCALES = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_ORDERS = {
    "lastModified": Repository.updated_at,
    "last_modified": Repository.updated_at,
    "createdAt": Repository.created_at,
    "created_at": Repository.created_at,
    "downloads": Repository.downloads,
    "trendingScore": Repository.downloads,
    "trending_score": Repository.downloads,
    "likes": Repository.created_at,
}
_SHORT = ("_id", "id", "modelId", "author", "private", "downloads", "likes", "tags",
          "pipeline_tag", "library_name", "createdAt", "lastModified", "gated", "sha")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ListingQuery:
    """What a caller wants to find; see the protocol's parameters of the same names."""

    kind: str
    filters: tuple[str, ...] = ()
    author: str = ""
    search: str = ""
    pipeline: str = ""
    gated: bool | None = None
    parameters: str = ""
    sort: str = "lastModified"
    ascending: bool = False
    limit: int = DEFAULT_PAGE
    cursor: str = ""
    full: bool = False
    card: bool = False
    config: bool = False
    expand: frozenset[str] = field(default_factory=frozenset)


def list_repositories(
    database: Connection, principal: Principal, query: ListingQuery
) -> tuple[list[dict[str, Any]], str]:
    """A page of repositories, and the cursor of the next one or an empty string.

    Raises:
        ApiError: 400 for an order, a cursor or a range that cannot be.
    """
    if query.sort not in _ORDERS:
        raise bad_request(f"Sort by one of {', '.join(sorted(_ORDERS))}.")
    limit = max(1, min(query.limit, MAX_PAGE))
    statement = _statement(principal, query).limit(limit + 1)
    rows = database.execute(statement).all()
    page = [_item(database, row, query) for row in rows[:limit]]
    cursor = ""
    if len(rows) > limit:
        last = rows[limit - 1]
        cursor = base64.urlsafe_b64encode(
            json.dumps([getattr(last, _ORDERS[query.sort].key), last.id]).encode()
        ).decode()
    return page, cursor


def _statement(principal: Principal, query: ListingQuery) -> Select[Any]:
    order = _ORDERS[query.sort]
    columns: tuple[Any, ...] = (*REPOSITORY_COLUMNS, Commit.summary, Commit.tree)
    found: list[ColumnElement[bool]] = [
        select(RepositoryTag.tag)
        .where(RepositoryTag.repository_id == Repository.id, RepositoryTag.tag == tag)
        .exists()
        for tag in query.filters
    ]
    if query.author:
        found.append(
            Repository.key.startswith(f"{query.kind}/{query.author.lower()}/", autoescape=True)
        )
    if query.search:
        found.append(Repository.key.contains(query.search.lower(), autoescape=True))
    if query.pipeline:
        found.append(Repository.pipeline == query.pipeline)
    if query.gated is not None:
        found.append(Repository.gated != "" if query.gated else Repository.gated == "")
    if query.parameters:
        found.extend(_range(query.parameters))
    statement = (
        select(*columns)
        .join(Commit, and_(Commit.repository_id == Repository.id, Commit.oid == Repository.head))
        .where(Repository.kind == query.kind, visible(principal), *found)
    )
    if query.cursor:
        place = tuple_(order, Repository.id)
        value, last = _decode(query.cursor)
        statement = statement.where(
            place > (value, last) if query.ascending else place < (value, last)
        )
    if query.ascending:
        return statement.order_by(order.asc(), Repository.id.asc())
    return statement.order_by(order.desc(), Repository.id.desc())


def _range(text: str) -> list[ColumnElement[bool]]:
    """`min:6B,max:128B` as conditions on the number of parameters."""
    found: list[ColumnElement[bool]] = []
    for part in text.split(","):
        match = _BOUND.fullmatch(part.strip())
        if match is None:
            raise bad_request("num_parameters looks like min:6B,max:128B, with 15 digits at most.")
        bound = min(int(float(match[2]) * _SCALES[match[3]]), MAX_SIZE)
        column = Repository.parameters
        found.append(column >= bound if match[1] == "min" else column <= bound)
    return found


def _decode(cursor: str) -> tuple[int, str]:
    try:
        value, last = json.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise bad_request("This cursor is not one of this hub's.") from error
    if type(value) is not int or not isinstance(last, str) or abs(value) > MAX_SIZE:
        raise bad_request("This cursor is not one of this hub's.")
    return value, last


def _item(database: Connection, row: Any, query: ListingQuery) -> dict[str, Any]:  # noqa: ANN401 - a row of columns chosen above
    repository = RepositoryRow(*row[: len(REPOSITORY_COLUMNS)])
    fields = describe(repository, repository.head, repository.updated_at, json.loads(row.summary))
    if query.full or "siblings" in query.expand:
        fields["siblings"] = siblings(load_tree(database, row.tree), blobs=False)
    if query.expand:
        return choose(fields, set(query.expand))
    wanted = set(_SHORT)
    wanted |= {"cardData"} if query.card or query.full else set()
    wanted |= {"config"} if query.config or query.full else set()
    wanted |= {"siblings"} if query.full else set()
    return {name: value for name, value in fields.items() if name in wanted}


def whole_number(text: str | None, default: int) -> int:
    """A parameter of at most seven digits, or the default for anything else."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,7}", text) else default


def parse_flag(parameters: Mapping[str, str], name: str) -> bool:
    """A parameter that is on when it says so: `true`, `True`, `1`."""
    return parameters.get(name, "").lower() in {"true", "1"}
