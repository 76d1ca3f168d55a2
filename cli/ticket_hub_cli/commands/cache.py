"""`ticket cache`: what was pulled to this machine."""

from __future__ import annotations

import click

from ticket_hub.table import Column
from ticket_hub_cli import options, output
from ticket_hub_cli.hub_options import CommandGroup
from ticket_hub_cli.output import CommandOutput

COLUMNS = [
    Column("ticket", "TICKET"),
    Column("commit", "COMMIT", lambda commit: commit[:12]),
    Column("size", "SIZE", lambda size: f"{size / 1e6:.1f} MB", right=True),
    Column("folder", "FOLDER"),
]


@click.group(
    "cache",
    cls=CommandGroup,
    epilog="ticket cache ls\nticket cache verify\nticket cache prune --all",
)
def command() -> None:
    """Look after what was pulled to this machine."""


@command.command("ls", cls=options.EndsWithExamples, epilog="ticket cache ls --format json")
@options.output_options
def ls(out: CommandOutput) -> None:
    """List the pulled bundles."""
    from ticket_hub.hub.front import cache_bundles

    rows = [
        {"ticket": each.repo, "commit": each.commit, "size": each.size, "folder": each.folder}
        for each in cache_bundles()
    ]
    out.table(rows, COLUMNS, name="folder")
    if not rows:
        out.hint("Nothing was pulled yet: `ticket pull OWNER/NAME`.")


@command.command("prune", cls=options.EndsWithExamples, epilog="ticket cache prune --partial")
@click.option("--all", "everything", is_flag=True, help="The newest commits, too.")
@click.option("--partial", is_flag=True, help="Unfinished downloads alone.")
@options.output_options
def prune(everything: bool, partial: bool, out: CommandOutput) -> None:
    """Remove unfinished downloads, and commits that no revision leads to any more."""
    from ticket_hub.hub.cache import Cache

    freed = Cache().prune(keep_newest=not everything, partial_only=partial)
    shown = f"{freed / 1e6:.1f} MB" if out.form == "human" else freed
    out.record({"freed": shown}, name="freed")


@command.command("verify", cls=options.EndsWithExamples, epilog="ticket cache verify")
@options.output_options
def verify(out: CommandOutput) -> int:
    """Compare every byte with its digest; the next pull repairs what is damaged."""
    from ticket_hub.errors import BundleError
    from ticket_hub.hub.cache import Cache
    from ticket_hub_cli.exit_codes import EXIT_CODES

    damaged = Cache().damaged()
    if out.form == "json":
        out.json({"damaged": damaged})
    else:
        for path in damaged:
            out.text(str(path))
    if not damaged:
        out.hint("Every byte is as it was pulled.")
        return 0
    output.error(f"{len(damaged)} blobs are damaged.", "Pull these tickets again.")
    return EXIT_CODES[BundleError]
