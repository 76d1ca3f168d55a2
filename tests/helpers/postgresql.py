"""Databases of a PostgreSQL that is started for the tests (a plugin of theirs)."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL of our own, on a socket in a temporary folder."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install '.[postgresql]'")
    binaries = [*Path("/usr/lib/postgresql").glob("*/bin"), Path("/usr/local/bin")]
    found = [folder for folder in binaries if (folder / "initdb").exists()]
    if not found:
        pytest.skip("needs initdb and postgres: install Debian's package postgresql")
    account = server_account()
    with tempfile.TemporaryDirectory(prefix="hub-postgresql-") as name:
        folder = Path(name)
        if account is not None:
            shutil.chown(folder, account)
        options: dict[str, Any] = {"user": account, "stdin": subprocess.DEVNULL, "cwd": folder}
        data, log = folder / "data", (folder / "log").open("wb")
        initialize = [
            str(found[0] / "initdb"),
            "-D",
            str(data),
            *["-U", "hub", "-A", "trust", "-N"],
        ]
        subprocess.run(initialize, check=True, stdout=log, stderr=log, **options)
        command = [str(found[0] / "postgres"), "-D", str(data), "-k", name]
        # Its own upkeep commits at moments of its own, and tests ask whether anybody has.
        serve = [*command, "-c", "listen_addresses=", "-c", "autovacuum=off"]
        process = subprocess.Popen(serve, stdout=log, stderr=log, **options)
        try:
            wait_for(folder / ".s.PGSQL.5432")
            url = f"postgresql://hub@/postgres?host={folder}"
            wait_for_answer(url)
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            log.close()


def server_account() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def wait_for_answer(url: str) -> None:
    """The socket is there before the server lets anybody in."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import OperationalError

    engine = create_engine(url.replace("postgresql", "postgresql+psycopg", 1))
    deadline = time.monotonic() + 60
    while True:
        try:
            engine.connect().close()
            break
        except OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.1)
    engine.dispose()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


@pytest.fixture
def fresh_database(postgresql: str) -> str:
    """The URL of a new, empty database there."""
    return new_database(postgresql)


@pytest.fixture
def another_database(postgresql: str) -> str:
    """The URL of one more."""
    return new_database(postgresql)


@pytest.fixture(scope="module")
def shared_database(postgresql: str) -> str:
    """The URL of a new database that all tests of a file share."""
    return new_database(postgresql)


def new_database(postgresql: str) -> str:
    from sqlalchemy import create_engine

    name = f"d{uuid.uuid4().hex}"
    engine = create_engine(
        postgresql.replace("postgresql", "postgresql+psycopg", 1), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return postgresql.replace("/postgres?", f"/{name}?")
