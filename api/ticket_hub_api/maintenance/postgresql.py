"""PostgreSQL's own programs for copying a database: `pg_dump` and `pg_restore`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from ticket_hub.durable import sync_folder
from ticket_hub.errors import StorageError

__all__ = ["dump", "load"]


def dump(url: str, target: Path) -> None:
    """Write a consistent copy of a database in pg_dump's custom format.

    Raises:
        StorageError: pg_dump is missing or fails.
    """
    part = target.with_name(target.name + ".part")
    _run("pg_dump", "--format=custom", "--no-owner", "--file", str(part), url=url)
    part.replace(target)
    sync_folder(target.parent)


def load(url: str, source: Path) -> None:
    """Fill an empty database from a dump, whole or not at all.

    Raises:
        StorageError: pg_restore is missing or fails.
    """
    _run("pg_restore", "--no-owner", "--single-transaction", "--exit-on-error", str(source),
         url=url)  # fmt: skip


def _run(program: str, *arguments: str, url: str) -> None:
    path = shutil.which(program)
    if path is None:
        raise StorageError(
            f"{program} is not installed.", "Install PostgreSQL's client programs here."
        )
    plain = make_url(url).set(drivername="postgresql")
    environment = {"PGPASSWORD": plain.password} if plain.password else {}
    address = plain.set(password=None).render_as_string()
    done = subprocess.run(  # noqa: S603 - PostgreSQL's program, found on the PATH
        [path, "--dbname", address, *arguments],
        env={**os.environ, **environment},  # a password in the arguments could be seen by others
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise StorageError(f"{program} failed: {reason[0]}.", "Mend that, then try again.")
