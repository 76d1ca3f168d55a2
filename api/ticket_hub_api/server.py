"""The process that serves: `python -m ticket_hub_api.server HOST PORT`; the rest is settings."""

from __future__ import annotations

import sys

import uvicorn

from ticket_hub_api.observing.logs import configure_logging
from ticket_hub_api.settings import Settings
from ticket_hub_api.web.connections import limited, raise_descriptors

__all__ = ["serve"]

SHUTDOWN_SECONDS = 30


def serve(host: str, port: int) -> None:
    """Serve until stopped. SIGTERM lets running requests finish, for 30 seconds at most.

    Raises:
        HubError: a setting in the environment that cannot be.
    """
    settings = Settings.from_environment()
    configure_logging(settings.log_level)
    most = raise_descriptors(settings.connections)
    uvicorn.run(
        "ticket_hub_api.app:from_environment",
        factory=True,
        host=host,
        port=port,
        http=limited(most, settings.connections_each),
        ws="none",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
