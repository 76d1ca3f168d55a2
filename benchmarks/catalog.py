"""How long a page of a large catalog takes, and how much of that is the database's own work.

    python benchmarks/catalog.py [--tickets 100000] [--database URL] [--rounds 30]

A database is filled with made-up tickets of eight levels each (without `--database` an SQLite file
in a temporary folder; with it, a PostgreSQL database that must be empty). Then pages of 50 are
asked for: filtered, sorted, searched by words, far down the list, and by callers who may see only a
few. The same statements are given to the bare driver in turn, and the ratio is between the two.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from measure import machine
from sqlalchemy import event, insert, text

from ticket_hub_api.accounts.principals import ANONYMOUS, Principal
from ticket_hub_api.catalog.entries import VERDICT_BITS, bits_of
from ticket_hub_api.catalog.ticket_query import TicketFilter
from ticket_hub_api.catalog.ticket_shapes import TicketPage
from ticket_hub_api.catalog.tickets import page_of
from ticket_hub_api.catalog.words import words_of
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import migrate
from ticket_hub_api.store.tables import Account, Base, Repository
from ticket_hub_api.store.ticket_tables import BundleFacts, TicketEntry, TicketLevel

OWNERS, LEVELS, PAGE = 200, 8, 50
NETWORKS = ("lenet-300-100", "conv2", "conv4", "conv6", "resnet18", "resnet50", "vgg16", "vgg19")
DATASETS = ("mnist", "fashion-mnist", "cifar10", "cifar100", "digits", "emnist-letters")
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """A page that somebody asks for; `pages` are turned before it."""

    name: str
    wanted: TicketFilter
    viewer: Principal
    pages: int = 0


def questions(owner_id: str) -> list[Question]:
    """What is measured."""
    member = Principal(
        account_id=owner_id, name="owner7", scope="read", roles=((owner_id, "admin"),)
    )
    admin = Principal(account_id="x", name="admin", scope="admin")
    few = TicketFilter(density_max=0.011, accuracy_min=0.9895, verdict="winning", sort="density")
    some = TicketFilter(network="resnet18", dataset="cifar10", density_max=0.2, accuracy_min=0.9,
                        sort="accuracy")  # fmt: skip
    narrow = TicketFilter(density_min=0.5, density_max=0.5001, sort="accuracy")
    return [
        Question("newest", TicketFilter(), member),
        Question("newest, page 200", TicketFilter(), member, pages=199),
        Question("network and data, ranges, by accuracy", some, member),
        Question("a few of many, by density", few, member),
        Question("a narrow range of density, by accuracy", narrow, admin),
        Question("words, by accuracy", TicketFilter(text="resnet cifar", sort="accuracy"), member),
        Question("a rare word", TicketFilter(text="ticket-77777"), member),
        Question("an owner's, by name", TicketFilter(owner="owner7", sort="name", descending=False),
                 member),
        Question("anonymous: 1 in 1000 visible", TicketFilter(sort="accuracy"), ANONYMOUS),
    ]  # fmt: skip


def fill(database: Database, count: int) -> str:
    """Make tickets; the id of one owner."""
    source = random.Random(7)
    owners = [f"{number:024x}" for number in range(OWNERS)]
    with database.write() as session:
        session.execute(
            insert(Account), [_owner(number, each) for number, each in enumerate(owners)]
        )
        facts = {"manifest": "0" * 64, "bundle_id": "0" * 64, "problem": "", "facts": "{}"}
        session.execute(insert(BundleFacts), [{**facts, "digest": ""}])
        for start in range(0, count, 2000):
            numbers = range(start, min(start + 2000, count))
            _insert(session, [_ticket(source, number, owners) for number in numbers])
    with database.reader.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(
            text("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE")
        )
    return owners[7]


def _owner(number: int, owner_id: str) -> dict[str, Any]:
    name = f"owner{number}"
    return {"id": owner_id, "name": name, "key": name, "kind": "user", "full_name": "", "email": "",
            "disabled": False, "created_at": 0, "digest": ""}  # fmt: skip


def _ticket(source: random.Random, number: int, owners: list[str]) -> tuple[dict[str, Any], Rows]:
    owner = source.randrange(OWNERS)
    identity = f"{source.getrandbits(96):024x}"
    top = source.uniform(0.6, 0.99)
    levels: list[dict[str, Any]] = []
    for level in range(LEVELS):
        density = source.uniform(0.6, 0.9) ** (2 * level)
        verdict = source.choice(["", *VERDICT_BITS])
        accuracy = top * source.uniform(0.97, 1.0)
        levels.append({"ticket_id": identity, "level": level, "density": density,
                       "accuracy": accuracy, "verdict": verdict, "digest": ""})  # fmt: skip
    network, dataset = source.choice(NETWORKS), source.choice(DATASETS)
    full_name = f"owner{owner}/ticket-{number}"
    chosen = levels[-1]
    entry = {
        "number": int(identity[:15], 16), "id": identity, "repository_id": identity, "source": "",
        "owner_id": owners[owner], "visibility": _visibility(number),
        "namespace": f"owner{owner}", "name": f"ticket-{number}", "key": full_name,
        "head": identity + "0" * 16, "manifest": "0" * 64, "bundle_id": "0" * 64,
        "network": network, "dataset": dataset, "recipe": f"{network}-{dataset}", "trials": 5,
        "levels": LEVELS, "prunable": 10**6, "level": LEVELS - 1, "rule": "verdict",
        "density": chosen["density"], "accuracy": chosen["accuracy"], "low": None, "high": None,
        "gain": None, "gain_low": None, "gain_high": None, "n": 5, "verdict": chosen["verdict"],
        **bits_of(levels),
        "words": words_of(full_name, network, dataset), "created_at": number,
        "updated_at": source.getrandbits(50), "digest": "",
    }  # fmt: skip
    return entry, levels


def _visibility(number: int) -> str:
    if number % 1000 == 0:
        return "public"
    return "private" if number % 3 == 0 else "accounts"


def _insert(session: Any, made: list[tuple[dict[str, Any], Rows]]) -> None:  # noqa: ANN401 - a session
    entries = [entry for entry, _ in made]
    repositories = [
        {"id": each["id"], "kind": "model", "owner_id": each["owner_id"],
         "namespace": each["namespace"], "name": each["name"], "key": "model/" + each["key"],
         "visibility": each["visibility"], "gated": "", "head": each["head"], "commits": 1,
         "changes": 1, "downloads": 0, "library": "", "pipeline": "", "parameters": None,
         "created_at": 0, "updated_at": 0, "digest": ""}
        for each in entries
    ]  # fmt: skip
    session.execute(insert(Repository), repositories)
    session.execute(insert(TicketEntry), entries)
    session.execute(insert(TicketLevel), [level for _, levels in made for level in levels])
    if session.get_bind().dialect.name == "sqlite":
        words = [{"number": each["number"], "words": each["words"]} for each in entries]
        statement = "INSERT INTO ticket_words(rowid, words) VALUES (:number, :words)"
        session.execute(text(statement), words)


def ask(database: Database, question: Question, cursor: str) -> TicketPage:
    """The page, as a request gets it."""
    with database.read() as connection:
        return page_of(connection, question.wanted, question.viewer, cursor=cursor, limit=PAGE)


def _cursor(database: Database, question: Question) -> str:
    cursor = ""
    for _ in range(question.pages):
        cursor = ask(database, question, cursor).next_cursor
    return cursor


def bare(database: Database, question: Question, cursor: str) -> Callable[[], None]:
    """The statements of a page, for the driver alone."""
    said: list[tuple[str, Any]] = []

    def listen(_c: object, _cursor: object, statement: str, values: Any, *_: object) -> None:  # noqa: ANN401 - the driver's
        said.append((statement, values))

    event.listen(database.reader, "before_cursor_execute", listen)
    ask(database, question, cursor)
    event.remove(database.reader, "before_cursor_execute", listen)
    connection: Any = database.reader.raw_connection().driver_connection

    def run() -> None:
        driver = connection.cursor()
        for statement, values in said:
            driver.execute(statement, values)
            driver.fetchall()
        connection.rollback()

    return run


def measure(database: Database, question: Question, rounds: int) -> dict[str, Any]:
    """Milliseconds of a page and of its statements, taking turns."""
    cursor = _cursor(database, question)
    plain = bare(database, question, cursor)
    pairs = []
    for _ in range(rounds + 3):
        begin = time.perf_counter()
        page = ask(database, question, cursor)
        middle = time.perf_counter()
        plain()
        pairs.append((1e3 * (middle - begin), 1e3 * (time.perf_counter() - middle)))
    pairs = pairs[3:]
    times = sorted(each for each, _ in pairs)
    return {
        "page": question.name,
        "items": len(page.items),
        "total": page.total,
        "p50_ms": round(statistics.median(times), 2),
        "p95_ms": round(times[int(0.95 * (len(times) - 1))], 2),
        "bare_p50_ms": round(statistics.median(each for _, each in pairs), 2),
        "ratio": round(statistics.median(one / other for one, other in pairs), 2),
        "n": rounds,
    }


def run(database: Database, tickets: int, rounds: int) -> Iterator[dict[str, Any]]:
    """Fill, then measure every question."""
    migrate(database)
    owner = fill(database, tickets)
    with database.read() as connection:
        if database.is_sqlite:
            version = f"SQLite {sqlite3.sqlite_version}"
        else:
            version = f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar()}"
    yield {"database": version, "tickets": tickets, "sqlalchemy": sqlalchemy.__version__}
    for question in questions(owner):
        yield measure(database, question, rounds)


def main() -> None:
    """Read the command line, measure, print a line of JSON for each page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--database", default="", help="an empty PostgreSQL database")
    chosen = parser.parse_args()
    print(json.dumps({**machine(), "python": platform.python_version()}))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(folder=Path(folder), database=chosen.database)
        database = Database(settings.database_url)
        try:
            for line in run(database, chosen.tickets, chosen.rounds):
                print(json.dumps(line), flush=True)
        finally:
            if chosen.database:
                _empty(database)
            database.close()


def _empty(database: Database) -> None:
    """Leave the database as it was."""
    with database.writer.begin() as connection:
        names = ", ".join((*Base.metadata.tables, "alembic_version"))
        connection.execute(text(f"DROP TABLE IF EXISTS {names} CASCADE"))


if __name__ == "__main__":
    main()
