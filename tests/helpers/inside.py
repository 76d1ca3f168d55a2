"""A hub without a server: what its routes call, called directly, on a database of either kind."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.helpers.chunked import Sent
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.accounts.auth import authenticate
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.hub_protocol.commits import make_commit
from ticket_hub_api.hub_protocol.creation import create_repository, first_files
from ticket_hub_api.hub_protocol.schemas import CreateIn
from ticket_hub_api.services import Services
from ticket_hub_api.settings import Settings
from ticket_hub_api.store import objects
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import migrate
from ticket_hub_api.store.repositories import RepositoryRow
from ticket_hub_api.store.revisions import CommitRow
from ticket_hub_api.store.xet.hashing import to_text
from ticket_hub_api.store.xet.receiving import take_shard, take_xorb


@dataclass(frozen=True)
class Inside:
    """An open hub, and who acts on it."""

    services: Services
    ada: Principal

    def create(self, name: str) -> tuple[RepositoryRow, bool]:
        """What `create_repo` does; with False where there was one."""
        files, kind = first_files(CreateIn(name=name)), "model"
        return create_repository(
            self.services, self.ada, kind=kind, namespace="", name=name, visibility="accounts",
            files=files,
        )  # fmt: skip

    def repository(self, name: str) -> RepositoryRow:
        """A new, empty repository."""
        row, made = self.create(name)
        assert made
        return row

    def commit(
        self, row: RepositoryRow, files: Mapping[str, bytes], large: Mapping[str, str] | None = None
    ) -> CommitRow:
        """Commit contents, and large objects by their sha256, to the default branch."""
        lines = [{"key": "header", "value": {"summary": "files"}}]
        for path, data in files.items():
            content = base64.b64encode(data).decode()
            value = {"path": path, "content": content, "encoding": "base64"}
            lines.append({"key": "file", "value": value})
        for path, sha256 in (large or {}).items():
            value = {"path": path, "algo": "sha256", "oid": sha256}
            lines.append({"key": "lfsFile", "value": value})
        sent = [json.dumps(line).encode() for line in lines]
        return make_commit(self.services, self.ada, row, "main", sent)

    def send_whole(self, row: RepositoryRow, data: bytes) -> str:
        """Send a large object for a repository; its sha256."""
        with self.services.blobs.incoming() as incoming:
            incoming.write(data)
            objects.store(self.services, row.id, incoming.finish())
        return hashlib.sha256(data).hexdigest()

    def send_chunks(self, row: RepositoryRow, sent: Sent) -> str:
        """Send a file through the chunk store for a repository; its sha256."""
        with self.services.blobs.incoming() as incoming:
            incoming.write(sent.xorb)
            take_xorb(self.services, to_text(sent.xorb_hash), incoming.finish())
        with self.services.blobs.incoming() as incoming:
            incoming.write(sent.shard())
            incoming.finish()
            take_shard(self.services, row.id, incoming.path)
        return hashlib.sha256(sent.content).hexdigest()


def open_inside(settings: Settings) -> Inside:
    """A new hub with the user `ada`, who may do everything."""
    database = Database(settings.database_url)
    migrate(database)
    accounts.add_user(database, "ada")
    secret = tokens.create_token(database, "ada", scope="admin").secret
    ada = authenticate(database, secret)
    database.close()
    return Inside(Services(settings), ada)
