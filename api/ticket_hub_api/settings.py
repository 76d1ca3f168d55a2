"""What an operator decides about a service, read once when it starts."""

from __future__ import annotations

import ipaddress
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from ticket_hub.errors import HubError
from ticket_hub.home import ticket_home
from ticket_hub.registry import nearest

__all__ = ["Settings", "Visibility", "VisibilityName", "is_loopback"]

MEBIBYTE = 1 << 20
LOG_LEVELS = ("debug", "info", "warning", "error")
_PREFIX = "TICKET_HUB_"
_NEAR = 0.85  # how alike names are of which one must be a slip of the other


VisibilityName: TypeAlias = Literal["private", "accounts", "public"]
"""Who may read what is not pushed as private."""


class Visibility:
    """Who may read a repository that its owner does not keep to themselves."""

    PRIVATE: Final = "private"
    ACCOUNTS: Final = "accounts"
    PUBLIC: Final = "public"
    ALL: frozenset[str] = frozenset(get_args(VisibilityName))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hub_folder() -> Path:
    """Where the embedded database and the blobs lie by default."""
    return ticket_home() / "hub"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The operator's choices; sizes in bytes, times in seconds.

    Attributes:
        database: an SQLAlchemy URL; the default is an SQLite file in `folder`.
        storage: a folder, or a URL such as `s3://bucket/prefix`; the default is in `folder`.
        folder: the service's own folder: default database, default blobs, files being received.
        endpoint: the address that clients use, for example behind a proxy; by default the one that
            a request came in on.
        hosts: names, with commas, perhaps with a port, under which clients reach the service: a
            request that says one of them in its Host header is answered with addresses there, also
            where there is an endpoint.
        visibility: who may read a repository that is not created private.
        lfs_threshold: files larger than this are stored as large files, whatever their name.
        part_bytes: objects larger than this are uploaded in parts of this size.
        max_object_bytes: no single file may be larger.
        max_commit_bytes: no commit request may be larger.
        upload_seconds: how long a signed upload address is valid.
        xet: whether the chunked transfer protocol is offered.
        requests_per_minute: how many requests one caller (an account, or an address without one)
            may make; 0 for any number. Uploads and downloads of contents are not counted.
        failures_per_minute: how many wrong tokens may come from one address; 0 for any number.
        connections: how many connections one process carries; 0 for as many as it can.
        connections_each: how many of them may come from one address (of IPv6 from one network of
            64 bits); 0 for any number.
        job_recipes: which recipes jobs may search with, with commas between: names of packaged
            ones, or `*` for all of these, and files of the operator's own that end in `.toml`.
        job_datasets: which data sets jobs may train on: names with commas between.
        job_memory_bytes: no job may be estimated to need more; 0 for any amount.
        job_quota_seconds: how many slot-seconds an account may use within 30 days, where
            `ticket hub quota` says nothing else; 0 for any number.
        job_waiting: how many jobs of one account may wait.
        mirrors: addresses of hubs whose tickets `ticket hub index` may list here, with commas.
        trusted_keys: a folder of public keys, `NAME.pub`: a ticket that one of them has signed is
            shown as signed by NAME. Without it no name is shown.
        oidc_issuer: the address of an OpenID Connect provider that people may sign in with; empty
            for none. oidc_client_id, oidc_client_secret: what the provider knows this hub by.
        oidc_allow: whom of the provider's users to let in, rules with commas of which one must
            hold: `claim=value`, or `*` for all. An account is made when somebody first signs in.
        oidc_scope: what a session that began so may do: `read` or `write`.
        oidc_name: what the button to sign in calls the provider.
        webhook_hosts: hosts, perhaps with a port, with commas between, that webhooks may be sent
            to; without any there are no webhooks. webhook_private: whether these may be on a
            private network, and reached by http.
        response_cache: whether answers are kept for as long as nobody changes the database.
        local: whether it shows what lies on this machine to this machine alone (`ticket ui`): pages
            have no accounts and no jobs, and name tickets as they are named here.
        log_level: `debug`, `info` (a line for each request), `warning` or `error`.
    """

    database: str = ""
    storage: str = ""
    folder: Path = field(default_factory=_hub_folder)
    endpoint: str = ""
    hosts: str = ""
    visibility: VisibilityName = Visibility.ACCOUNTS
    lfs_threshold: int = 10 * MEBIBYTE
    part_bytes: int = 512 * MEBIBYTE
    max_object_bytes: int = 512 << 30
    max_commit_bytes: int = 512 * MEBIBYTE
    upload_seconds: int = 24 * 3600
    xet: bool = True
    requests_per_minute: int = 12_000
    failures_per_minute: int = 300
    connections: int = 4096
    connections_each: int = 512
    job_recipes: str = "digits-quick"
    job_datasets: str = "digits"
    job_memory_bytes: int = 16 << 30
    job_quota_seconds: int = 7 * 86_400
    job_waiting: int = 1000
    mirrors: str = ""
    trusted_keys: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    oidc_allow: str = ""
    oidc_scope: str = "write"
    oidc_name: str = "single sign-on"
    webhook_hosts: str = ""
    webhook_private: bool = False
    response_cache: bool = True
    local: bool = False
    log_level: str = "info"

    def __post_init__(self) -> None:
        """Refuse an endpoint that clients could not use.

        Raises:
            HubError: it is no address, such as a name alone.
        """
        parts = urlsplit(self.endpoint)
        if self.endpoint and not (parts.scheme in {"http", "https"} and parts.netloc):
            raise HubError(
                f"{self.endpoint[:200]!r} is no address that clients could use.",
                f"Begin it with https:// (--endpoint, or {_PREFIX}ENDPOINT).",
            )

    @property
    def database_url(self) -> str:
        """The database's URL, with the default filled in and psycopg chosen for PostgreSQL."""
        if not self.database:
            return f"sqlite:///{self.folder / 'hub.sqlite'}"
        for scheme in ("postgresql://", "postgres://"):
            if self.database.startswith(scheme):
                return "postgresql+psycopg://" + self.database.removeprefix(scheme)
        return self.database

    @property
    def storage_url(self) -> str:
        """Where the blobs are, with the default filled in."""
        return self.storage or str(self.folder / "blobs")

    @property
    def known_hosts(self) -> frozenset[str]:
        """The names under which clients may reach the service, in lower case."""
        return frozenset(each.strip().lower() for each in self.hosts.split(",") if each.strip())

    @property
    def mirrored_hubs(self) -> tuple[str, ...]:
        """The hubs whose tickets may be listed here; only an operator's settings name them."""
        found = (each.strip().rstrip("/") for each in self.mirrors.split(","))
        return tuple(each for each in found if each)

    @property
    def spool(self) -> Path:
        """Where files are received before they are stored."""
        if "://" in self.storage_url:
            return self.folder / "incoming"
        return Path(self.storage_url) / "incoming"

    def to_environment(self) -> dict[str, str]:
        """The same choices as environment variables, for a server process."""
        return {
            _PREFIX + name.upper(): str(int(value) if isinstance(value, bool) else value)
            for name, value in vars(self).items()
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read `TICKET_HUB_DATABASE`, `TICKET_HUB_STORAGE` and so on.

        Raises:
            HubError: a value that cannot be, or a name that is nearly a setting's.
        """
        source = os.environ if environment is None else environment
        chosen: dict[str, object] = {}
        defaults = vars(cls(folder=Path(tempfile.gettempdir())))
        _refuse_misspelled(source, defaults)
        for name, default in defaults.items():
            text = source.get(_PREFIX + name.upper(), "")
            if text:
                chosen[name] = _parse(name, text, type(default))
        settings = cls(**chosen)  # type: ignore[arg-type] # each value has its default's type
        if settings.log_level not in LOG_LEVELS:
            raise HubError(
                f"{settings.log_level!r} is no level of a log.",
                f"Set {_PREFIX}LOG_LEVEL to one of {', '.join(LOG_LEVELS)}.",
            )
        if settings.visibility not in Visibility.ALL:
            raise HubError(
                f"{settings.visibility!r} is no visibility.",
                f"Set {_PREFIX}VISIBILITY to one of {', '.join(sorted(Visibility.ALL))}.",
            )
        if settings.oidc_issuer:
            _check_oidc(settings)
        return settings


def _refuse_misspelled(source: Mapping[str, str], known: Iterable[str]) -> None:
    """Refuse `TICKET_HUB_VISIBILTY=private`, which would leave a hub open to everybody.

    Other names are no business of the hub's: an orchestrator sets some for each of its services.
    """
    settings = {each.upper() for each in known}
    for name in source:
        rest = name.removeprefix(_PREFIX)
        if rest == name or rest in settings:
            continue
        if near := nearest(rest, settings, cutoff=_NEAR):
            raise HubError(
                f"{name} is no setting of a hub.",
                f"Set {_PREFIX}{near} if that was meant, and remove {name}.",
            )


def _check_oidc(settings: Settings) -> None:
    """Refuse sign-in by OpenID Connect that could not work, or would let everybody be an operator.

    Raises:
        HubError: a setting that it needs is missing or cannot be.
    """
    issuer = urlsplit(settings.oidc_issuer)
    is_safe = issuer.scheme == "https" or is_loopback(issuer.hostname or "")
    if not (is_safe and issuer.netloc):
        raise HubError(
            f"{settings.oidc_issuer[:200]!r} is no https:// address.",
            f"Set {_PREFIX}OIDC_ISSUER to the provider's issuer, as its discovery names it.",
        )
    for name in ("oidc_client_id", "oidc_allow"):
        if not getattr(settings, name):
            raise HubError(
                f"Sign-in by {settings.oidc_issuer} lacks a setting.",
                f"Set {_PREFIX}{name.upper()}; docs/operating.md says how.",
            )
    if settings.oidc_scope not in {"read", "write"}:
        raise HubError(
            f"{settings.oidc_scope!r} is no scope for people who sign in.",
            f"Set {_PREFIX}OIDC_SCOPE to read or write; operators sign in with a token.",
        )


def _parse(name: str, text: str, kind: type) -> object:
    if kind not in {bool, int}:
        return Path(text) if issubclass(kind, Path) else text
    if not re.fullmatch(r"[0-9]{1,18}", text.strip()):
        raise HubError(
            f"{_PREFIX}{name.upper()} is {text[:80]!r}, which is not a whole number from 0 on.",
            "Correct the environment variable.",
        )
    return kind(int(text))
