"""Copying a hub while it runs, and bringing it back.

A backup is a folder: the database as it was at one moment (`database.sqlite`, or PostgreSQL's own
`database.dump`), every content that it refers to in `blobs/`, their list in `contents.txt` (sha256,
size, key), and `backup.json`, written last. Contents never change, so a second backup into the same
folder copies only what is new.

The database comes first and the contents after it: a content without a row does no harm, a row
without its content would.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, select

from ticket_hub import __version__
from ticket_hub.durable import (
    explaining,
    make_folder,
    open_durable,
    sha256_file,
    sync_folder,
    write_bytes,
    write_json,
)
from ticket_hub.errors import HubConflictError, HubError, StorageError, TicketHubError
from ticket_hub_api.maintenance.postgresql import dump, load
from ticket_hub_api.store.blobs import Blobs
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import current_version
from ticket_hub_api.store.tables import StoredObject, Xorb

__all__ = ["Backup", "back_up", "read_backup", "restore"]

FORMAT = 1
MANIFEST = "backup.json"
BLOBS = "blobs"
LIST = "contents.txt"
_FILES = {"sqlite": "database.sqlite", "postgresql": "database.dump"}


@dataclass(frozen=True, kw_only=True)
class Backup:
    """What a backup holds.

    Attributes:
        database: the file's name in the backup's folder; sha256: of its bytes.
        listed: the sha256 of the list of contents.
        schema: the version of the database's schema.
        contents, bytes: how many contents the database refers to, and their size.
        copied: how many of them this backup had to copy.
        made: when it was complete, UTC, ISO 8601; version: of Ticket Hub.
    """

    database: str
    sha256: str
    listed: str
    schema: str
    contents: int
    bytes: int
    copied: int
    made: str
    version: str


@dataclass(frozen=True)
class _Content:
    key: str
    size: int
    sha256: str


def back_up(database: Database, blobs: Blobs, folder: Path) -> Backup:
    """Copy a hub into a folder. It may run meanwhile.

    Raises:
        HubError: the folder holds something else; or a content is missing or damaged: everything
            else was copied, and the message says how many.
        StorageError: the disk is full, or pg_dump is missing or fails.
    """
    known = {MANIFEST, BLOBS, LIST, *_FILES.values()}
    if folder.exists() and any(
        path.name not in known and path.suffix != ".part" for path in folder.iterdir()
    ):
        raise HubError(f"{folder} holds something else than a backup.", "Name an empty folder.")
    make_folder(folder)
    with explaining(folder):
        folder.chmod(0o700)  # it holds the digests of tokens, and the key that signs addresses
    (folder / MANIFEST).unlink(missing_ok=True)  # until this one is complete there is none
    before = _contents(database)
    name = _FILES["sqlite" if database.is_sqlite else "postgresql"]
    schema = current_version(database)
    _copy_database(database, folder / name)
    # The copy was made at some moment between: what it refers to is in one of the two lists.
    contents = list(dict.fromkeys([*before, *_contents(database)]))
    lines = (f"{content.sha256} {content.size} {content.key}\n" for content in contents)
    write_bytes(folder / LIST, "".join(lines).encode())
    copied, bad = _copy_contents(blobs, contents, folder / BLOBS)
    if bad:
        raise HubError(
            f"{len(bad)} of {len(contents)} contents could not be copied: {'; '.join(bad[:5])}.",
            "Everything else was. Look with `ticket hub fsck`, mend it, and back up again.",
        )
    made = Backup(
        database=name,
        sha256=sha256_file(folder / name),
        listed=sha256_file(folder / LIST),
        schema=schema,
        contents=len(contents),
        bytes=sum(content.size for content in contents),
        copied=copied,
        made=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        version=__version__,
    )
    write_json(folder / MANIFEST, {"format": FORMAT, **asdict(made)})
    return made


def _contents(database: Database) -> list[_Content]:
    """Every stored file that the database refers to; for chunks the sha256 of their container."""
    with database.read() as connection:
        objects = connection.execute(
            select(StoredObject.key, StoredObject.size, StoredObject.sha256).where(
                StoredObject.key != ""
            )
        ).all()
        xorbs = connection.execute(select(Xorb.key, Xorb.size, Xorb.sha256)).all()
    return [_Content(*row) for row in (*objects, *xorbs)]


def _copy_database(database: Database, target: Path) -> None:
    if not database.is_sqlite:
        dump(database.url, target)
        return
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    source = sqlite3.connect(make_url(database.url).database or "")
    copy = sqlite3.connect(part)
    try:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise StorageError(
            f"The database could not be copied: {error}.", "Free some space, then try again."
        ) from error
    finally:
        copy.close()
        source.close()
    part.replace(target)
    sync_folder(target.parent)


def _copy_contents(blobs: Blobs, contents: list[_Content], folder: Path) -> tuple[int, list[str]]:
    copied, bad = 0, []
    for content in contents:
        target = folder / content.key
        if target.exists() and target.stat().st_size == content.size:
            continue
        try:
            make_folder(target.parent)
            digest = hashlib.sha256()
            with open_durable(target) as stream:
                for piece in blobs.read(content.key, 0, content.size):
                    digest.update(piece)
                    stream.write(piece)
                if digest.hexdigest() != content.sha256:
                    raise StorageError(
                        f"{content.key} has changed on disk.", "Run `ticket hub fsck`."
                    )
            copied += 1
        except TicketHubError as error:
            bad.append(str(error))
    return copied, bad


def read_backup(folder: Path) -> Backup:
    """What the backup in a folder holds; its database file is checked, its contents are not.

    Raises:
        HubError: there is no complete backup, or one that a newer version made, or it is damaged.
    """
    try:
        about: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        made = Backup(**{name: about[name] for name in Backup.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HubError(
            f"{folder} holds no complete backup.", "Make one with `ticket hub backup FOLDER`."
        ) from error
    if about.get("format") != FORMAT or made.database not in _FILES.values():
        raise HubError(f"{folder} was made by another version.", "Use the version that made it.")
    for name, sha256 in ((made.database, made.sha256), (LIST, made.listed)):
        if not (folder / name).exists() or sha256_file(folder / name) != sha256:
            raise HubError(f"{folder / name} is missing or damaged.", "Use another backup.")
    return made


def restore(folder: Path, database: Database, blobs: Blobs) -> Backup:
    """Bring a hub back into an empty database and a storage; contents that are there stay.

    Raises:
        HubConflictError: the database is not empty.
        HubError: there is no complete backup, or one that a newer version made, or it is damaged,
            or of another kind of database.
        StorageError: a content of the backup is missing or damaged; the database was not touched.
    """
    made = read_backup(folder)
    if made.database != _FILES["sqlite" if database.is_sqlite else "postgresql"]:
        raise HubError(
            f"The backup holds {made.database}, which fits another kind of database.",
            "Name a database of the same kind with --database.",
        )
    if current_version(database):
        raise HubConflictError(
            "There is a hub in this database already.", "Restore into an empty one."
        )
    there = {file.key for family in ("objects", "xorbs") for file in blobs.storage.files(family)}
    for content in _listed(folder / LIST):
        if content.key not in there:
            source = folder / BLOBS / content.key
            if not source.exists() or sha256_file(source) != content.sha256:
                raise StorageError(
                    f"{source} is missing or damaged.",
                    "Use another backup, or another copy of this one.",
                )
            with blobs.incoming() as incoming, source.open("rb") as stream:
                while piece := stream.read(1 << 20):
                    incoming.write(piece)
                blobs.storage.put(incoming.finish().path, content.key)
    if database.is_sqlite:
        database.close()
        _place(folder / made.database, Path(make_url(database.url).database or ""))
    else:
        load(database.url, folder / made.database)
    return made


def _listed(file: Path) -> Iterator[_Content]:
    with file.open() as lines:
        for line in lines:
            sha256, size, key = line.split()
            yield _Content(key, int(size), sha256)


def _place(source: Path, target: Path) -> None:
    make_folder(target.parent)
    for left in (target, Path(f"{target}-wal"), Path(f"{target}-shm")):
        left.unlink(missing_ok=True)  # what opening an empty database left
    with open_durable(target) as stream, source.open("rb") as original:
        shutil.copyfileobj(original, stream)
