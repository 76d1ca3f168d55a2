"""`ticket serve`."""

from __future__ import annotations

import gc
from pathlib import Path

import click

from ticket_hub_cli import options
from ticket_hub_cli.hub_options import hub_options, operation, settings_from

__all__ = ["command"]


@options.command(
    "serve",
    "ticket serve",
    "ticket serve --port 8080 --visibility public",
    "ticket serve --host 0.0.0.0 --database postgresql://hub@db/hub --storage s3://team/tickets",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True)
@click.option(
    "--endpoint", default="", help="Address that clients use, for example behind a proxy."
)
@click.option(
    "--visibility",
    type=click.Choice(["accounts", "public", "private"]),
    help="Who may read what is not pushed as private.  [default: accounts]",
)
@click.option("--no-xet", is_flag=True, help="Do not offer the chunked transfer protocol.")
@hub_options
def command(
    host: str, port: int, endpoint: str, visibility: str | None, no_xet: bool, **where: str
) -> None:
    """Run a hub that any Hugging Face Hub client can use.

    Without options it listens on this machine only, keeps everything in TICKET_HOME/hub, and makes
    a first account with a token. For others to reach it, add accounts first (`ticket hub user add`)
    and give --host.
    """
    changes = {"endpoint": endpoint, "visibility": visibility, "xet": False if no_xet else None}
    # A million objects are made by imports, and stay: to look for garbage among them meanwhile
    # takes a fifth of the start. The service turns it on again when it is built.
    gc.disable()
    try:
        settings = settings_from(where, **changes)
        operation().serve(settings, host=host, port=port, announce=_announce)
    finally:
        gc.enable()


def _announce(endpoint: str, token_file: Path | None, account: str) -> None:
    if account:
        click.echo(f"Made the account {account!r}; its token is in {token_file}.", err=True)
    click.echo(f"The hub runs at {endpoint}. Stop it with Ctrl-C. To use it from another terminal:")
    click.echo(f"  export HF_ENDPOINT={endpoint}")
    if token_file is None:
        click.echo("  export HF_TOKEN=...   (make one: ticket hub token create NAME --scope write)")
    else:
        click.echo(f"  export HF_TOKEN=$(cat '{token_file}')")
    click.echo("  ticket push RUN owner/name")
