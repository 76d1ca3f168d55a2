"""The pages for one machine: a hub that nobody else can reach, and that nobody can write to."""

from __future__ import annotations

import contextlib
import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ticket_hub.bundle import Manifest, encoding, layout
from ticket_hub.durable import sha256_file
from ticket_hub.errors import BundleDigestError, BundleFormatError, HubError, TicketHubError
from ticket_hub.hub import connect
from ticket_hub.hub.base import Hub
from ticket_hub.hub.beside import files_beside
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.background import Launch, RunningHub, launch_server, running_hub
from ticket_hub_api.settings import Settings, Visibility
from ticket_hub_api.store.database import Database

__all__ = ["local_pages"]

Report = Callable[[TicketHubError], object]
_SECONDS = 60


@contextlib.contextmanager
def local_pages(
    bundles: Mapping[str, Path],
    evidence: Sequence[Any] = (),
    *,
    report: Report,
    launch: Launch = launch_server,
) -> Iterator[str]:
    """Serve bundles on loopback, read-only, until the end; gives the pages' address.

    The hub lies in a folder that is gone afterwards. Once it is filled it has no token any more,
    so that nobody can change it.

    Args:
        bundles: `owner/name` -> folder.
        evidence: records of experiments with their tickets, as `evidence.json` has them.
        report: is told of what cannot be shown.
        launch: starts the server.

    Raises:
        HubUnavailableError: the server does not start.
    """
    with tempfile.TemporaryDirectory(prefix="ticket-ui-") as folder:
        settings = Settings(
            folder=Path(folder) / "hub",
            visibility=Visibility.PUBLIC,
            local=True,
            requests_per_minute=0,
            log_level="warning",
        )
        with running_hub(settings, launch=launch) as hub:
            _fill(hub, bundles, evidence, report)
            yield hub.endpoint


def _fill(
    hub: RunningHub, bundles: Mapping[str, Path], evidence: Sequence[Any], report: Report
) -> None:
    database = Database(hub.settings.database_url)
    try:
        _add_owners(database, {repo.partition("/")[0] for repo in bundles}, report)
        client, named = connect(hub.endpoint, token=hub.token), dict[str, str]()
        for repo, folder in bundles.items():
            try:
                manifest = _sent(client, folder, repo)
            except TicketHubError as error:
                report(error)
            else:
                named.setdefault(manifest.id, repo)
        for table in evidence:
            _send(hub, table, named, report)
        for token in tokens.list_tokens(database):
            tokens.revoke_token(database, str(token["id"]))
    finally:
        database.close()


def _sent(client: Hub, folder: Path, repo: str) -> Manifest:
    """Send a bundle as it is: its digests are looked at, and nothing that would need PyTorch.

    Raises:
        BundleError: a file is not here, or has other bytes than its manifest says.
        HubError: it cannot be sent.
    """
    try:
        manifest = encoding.decode((folder / layout.MANIFEST).read_bytes())
        for name, record in manifest.files.items():
            if sha256_file(folder / name) != record.sha256:
                raise BundleDigestError(
                    f"{folder / name} has other bytes than its bundle says.",
                    "Write it again with `ticket find`, or pull it again.",
                )
    except OSError as error:
        raise BundleFormatError(
            f"{folder} is not a whole bundle: {error.filename}: {error.strerror}.",
            "If it was pulled for some levels only, pull it whole: `ticket pull OWNER/NAME --all`.",
        ) from error
    names = (layout.MANIFEST, *manifest.files, *files_beside(folder))
    files = [(name, folder / name) for name in names]
    client.push(repo, files, message="As it is on this machine", parent=None)
    return manifest


def _add_owners(database: Database, names: set[str], report: Report) -> None:
    known = {each["name"].lower() for each in accounts.account_names(database)}
    for name in sorted(names):
        if name.lower() not in known:
            try:
                accounts.add_user(database, name)
            except HubError as error:
                report(error)


def _send(hub: RunningHub, table: Any, named: Mapping[str, str], report: Report) -> None:  # noqa: ANN401 - any JSON value
    """Send what an experiment came to, where its tickets are among those shown."""
    bundle = table.get("tickets", {}).get("bundle", "") if isinstance(table, dict) else ""
    if bundle not in named:
        return
    body = json.dumps({"ticket": named[bundle], "evidence": table}).encode()
    headers = {"Authorization": f"Bearer {hub.token}", "Content-Type": "application/json"}
    address = f"{hub.endpoint}/api/v1/experiments"
    request = urllib.request.Request(address, body, headers)  # noqa: S310 - http on loopback
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310 - likewise
            pass
    except (urllib.error.URLError, TimeoutError) as error:
        report(HubError(f"An experiment cannot be shown: {error}.", "`ticket report` draws it."))
