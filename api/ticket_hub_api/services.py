"""What every request handler uses: settings, database, storage, signatures, remembered answers."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Hashable

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ticket_hub.errors import TicketHubError
from ticket_hub_api.accounts.auth import authenticate, principal_of_token
from ticket_hub_api.accounts.openid import OpenIdProvider
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.indexing import (
    CatalogListener,
    index_commit,
    index_pending,
    is_entered,
    pending_commits,
)
from ticket_hub_api.catalog.said import signed_for_others, signers_digest, signers_of
from ticket_hub_api.jobs import tokens
from ticket_hub_api.limits import Buckets, Share
from ticket_hub_api.observing.metrics import Metrics
from ticket_hub_api.response_cache import ResponseCache
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.blobs import Blobs, open_blobs
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.signing import Signer, load_signer
from ticket_hub_api.store.tables import Repository
from ticket_hub_api.store.watch import DatabaseWatch
from ticket_hub_api.torch_process import TorchProcess
from ticket_hub_api.webhooks.listener import WebhookListener

__all__ = ["Services", "services_of"]

_log = logging.getLogger("ticket_hub_api")
ANONYMOUS_SHARE = 0.1
MAX_WAITING = 64


class Services:
    """Everything that one running service shares between its requests."""

    def __init__(self, settings: Settings) -> None:
        """Open the database and the storage, which must exist."""
        self.settings = settings
        self.database = Database(settings.database_url)
        self.database.listeners += [CatalogListener(), WebhookListener()]
        self.blobs: Blobs = open_blobs(settings.storage_url, settings.spool)
        self.signer: Signer = load_signer(self.database)
        watch = DatabaseWatch(self.database) if settings.response_cache else None
        self.cache = ResponseCache(watch)
        self.openid = OpenIdProvider(settings) if settings.oidc_issuer else None
        self.downloads: Counter[str] = Counter()
        self.metrics = Metrics(self.database)
        self.requests = Buckets(settings.requests_per_minute)
        self.failures = Buckets(settings.failures_per_minute)
        self.anonymous = Share(ANONYMOUS_SHARE, MAX_WAITING)
        self.trusted = ""  # a digest over the keys that the signatures in the catalog are of
        self.unindexed = True  # until it was seen that no crash has left any
        self.torch_process = TorchProcess(self)

    async def principal(self, secret: str, since: int | None = None) -> Principal:
        """The caller whose token this is.

        Args:
            secret: what was shown.
            since: what the cache's `begun` was when the request came.

        Raises:
            ApiError: 401, when it is unknown, expired, revoked, or its account is disabled.
        """
        if secret.startswith(tokens.PREFIX):
            claims = tokens.read_job_token(self.signer, secret)
            return await run_in_threadpool(tokens.authenticate_job, self.database, claims)
        key = hashlib.sha256(secret.encode()).digest()
        return await self._principal(key, lambda: authenticate(self.database, secret), since)

    async def principal_of_token(self, token_id: str) -> Principal:
        """The caller who signed in with this token.

        Raises:
            ApiError: 401, when it is gone, expired, revoked, or its account is disabled.
        """
        return await self._principal(
            token_id, lambda: principal_of_token(self.database, token_id), None
        )

    async def _principal(
        self, key: Hashable, make: Callable[[], Principal], since: int | None
    ) -> Principal:
        principal = await self.cache.get_or_make(("principal", key), make, since)
        return await run_in_threadpool(make) if principal.expired else principal

    def index(self, repository_id: str, oid: str) -> None:
        """Enter a commit that was made into the catalog; what fails now is tried again later."""
        try:
            if not is_entered(self, repository_id, oid):
                self.torch_process.call(index_commit, repository_id, oid)
        except TicketHubError:
            _log.warning("The catalog could not be filled; it is tried again later.")
            self.unindexed = True

    def index_rest(self) -> None:
        """Enter the commits that were not entered before, or for whom others were trusted.

        Raises:
            SignatureError: among the trusted keys is none.
            HubUnavailableError, StorageError: as every use of the database and the storage.
        """
        trusted = signers_digest(signers_of(self.settings))
        if not self.unindexed and trusted == self.trusted:
            return
        self.unindexed = False  # at first: what fails meanwhile is looked for the next time
        try:
            if pending_commits(self) or signed_for_others(self):
                self.torch_process.call(index_pending)
            self.trusted = trusted
        except TicketHubError:
            self.unindexed = True
            raise

    def flush_downloads(self) -> None:
        """Add the downloads since the last time to the repositories' counts.

        Raises:
            HubUnavailableError: the database is busy; nothing is lost.
        """
        counted = dict(self.downloads)
        if not counted:
            return

        def add(session: Session) -> None:
            """Add the counts in the order of ids: so two writers never wait for each other."""
            for repository_id, count in sorted(counted.items()):
                row = session.get(Repository, repository_id)
                if row is not None:
                    row.downloads += count

        self.database.transact(add)
        self.downloads.subtract(counted)
        self.downloads = +self.downloads

    def close(self) -> None:
        """Give back what was opened."""
        self.torch_process.close()
        self.cache.close()
        self.database.close()


def services_of(request: Request) -> Services:
    """The services of the application that serves this request."""
    services: Services = request.app.state.services
    return services
