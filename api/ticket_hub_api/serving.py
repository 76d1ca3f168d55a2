"""Starting the service, and what has to be so before it may."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from ticket_hub.durable import explaining, write_bytes
from ticket_hub.errors import HubError
from ticket_hub.home import user_name
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.catalog.said import signers_of
from ticket_hub_api.settings import Settings, is_loopback
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import current_version, migrate

__all__ = ["Prepared", "prepare", "run", "token_file"]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A service that may start.

    Attributes:
        settings: the operator's choices.
        host, port: where it will listen.
        endpoint: what clients set `HF_ENDPOINT` to.
        token_file: where the first account's token was written, or None.
        account: the first account's name where this call made it, else an empty string.
    """

    settings: Settings
    host: str
    port: int
    endpoint: str
    token_file: Path | None
    account: str


def token_file(settings: Settings) -> Path:
    """Where the token of the account that the first start makes lies, for its owner's eyes."""
    return settings.folder / "token"


def prepare(settings: Settings, *, host: str, port: int) -> Prepared:
    """Make the database, and on a loopback address the first account, when there are none.

    A service that others can reach needs accounts first, since whoever comes first would own it.

    Raises:
        HubError: the address is not loopback and there is no account; or the database is of
            another version.
        HubUnavailableError: the port is taken.
        SignatureError: among the trusted keys is none, or cryptography is not installed.
    """
    signers_of(settings)  # what cannot be read is said now, and not on every page
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url)
    try:
        if not current_version(database):
            migrate(database)
        account = _first_account(database, settings, host)
    finally:
        database.close()
    free = port or _free_port(host)
    shown = f"[{host}]" if ":" in host else host
    file = token_file(settings)
    return Prepared(
        settings=settings,
        host=host,
        port=free,
        endpoint=settings.endpoint or f"http://{shown}:{free}",
        token_file=file if file.exists() else None,
        account=account,
    )


def _first_account(database: Database, settings: Settings, host: str) -> str:
    if accounts.has_accounts(database):
        return ""
    if not is_loopback(host):
        raise HubError(
            f"The hub would listen on {host}, where others can reach it, and has no account yet.",
            "Add one with `ticket hub user add NAME` and `ticket hub token create NAME "
            "--scope admin`, then start it again; or leave out --host.",
        )
    name = re.sub(r"[^A-Za-z0-9]+", "-", user_name()).strip("-") or "local"
    accounts.add_user(database, name)
    issued = tokens.create_token(database, name, scope="admin", name="first start")
    file = token_file(settings)
    write_bytes(file, issued.secret.encode())
    with explaining(file):
        file.chmod(0o600)
    return name


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def run(prepared: Prepared) -> None:
    """Serve until stopped. SIGTERM lets running requests finish."""
    from ticket_hub_api.server import serve  # which imports uvicorn

    os.environ.update(prepared.settings.to_environment())
    serve(prepared.host, prepared.port)
