"""The service itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ticket_hub_api import serving
from ticket_hub_api.settings import Settings

__all__ = [
    "serve",
]


def serve(
    settings: Settings, *, host: str, port: int, announce: Callable[[str, Path | None, str], None]
) -> None:
    """Run the service until it is stopped.

    Args:
        announce: is told the endpoint, the file that holds the first account's token (or None), and
            the name of that account when it was made just now, before the service starts.

    Raises:
        HubError: the service may not start; see `serving.prepare`.
    """
    prepared = serving.prepare(settings, host=host, port=port)
    announce(prepared.endpoint, prepared.token_file, prepared.account)
    serving.run(prepared)
