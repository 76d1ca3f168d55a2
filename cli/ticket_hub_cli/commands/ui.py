"""`ticket ui`."""

from __future__ import annotations

import contextlib
import signal
import threading
import webbrowser
from pathlib import Path

import click

from ticket_hub_cli import options
from ticket_hub_cli.output import passed_over


@options.command("ui", "ticket ui", "ticket ui --no-browser", "ticket ui --runs /mnt/lab/runs")
@click.option("--browser/--no-browser", default=True, help="Open the pages in a browser.")
@click.option(
    "--runs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of runs.  [default: TICKET_HOME/runs]",
)
def command(runs: Path | None, *, browser: bool) -> None:
    """Show this machine's runs and pulled tickets on the pages of a hub, without accounts.

    Nobody else can reach the pages, and nothing can be changed on them. They show what is there
    when they begin. Stop them with Ctrl-C.
    """
    from ticket_hub.runs.local_pages import ui_pages

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the copy goes then, too
    click.echo("Looking at what is here ...", err=True)
    with contextlib.suppress(KeyboardInterrupt), ui_pages(runs=runs, report=passed_over) as address:
        click.echo(address)
        click.echo("These pages are for this machine alone. Stop them with Ctrl-C.", err=True)
        if browser:
            webbrowser.open(address)
        threading.Event().wait()
