"""`ticket data`: data sets that are too large for memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from ticket_hub_cli import options
from ticket_hub_cli.hub_options import CommandGroup
from ticket_hub_cli.output import CommandOutput

EXAMPLES = "ticket data pack imagenet --short-side 256\nticket data pack folder:./pictures"
PROGRESS_SECONDS = 1.0


@click.group("data", cls=CommandGroup, epilog=EXAMPLES)
def command() -> None:
    """Prepare data sets that are too large for memory."""


@command.command("pack", cls=options.EndsWithExamples, epilog=EXAMPLES)
@click.argument("name")
@click.option(
    "--short-side",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Scale pictures to so many pixels on their shorter side, kept as JPEG; 0 keeps them.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 95),
    default=90,
    show_default=True,
    help="Of JPEG, where pictures are scaled.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the data sets.  [default: TICKET_DATA]",
)
@options.import_option
@options.output_options
def pack(
    name: str, short_side: int, quality: int, data_dir: Path | None, out: CommandOutput
) -> None:
    """Put the pictures of a data set into one file, from which data.storage = "disk" reads them.

    NAME is what data.name is in a recipe: imagenet, places365, folder:PATH, cifar10. The same
    command again goes on where it was stopped; for a finished pack it compares every picture with
    the checksum that it was written with.
    """
    from ticket_hub.data import data_pack
    from ticket_hub.data.pack_file import Pack
    from ticket_hub.runs import stop_on_signals

    with stop_on_signals() as should_stop:
        folder = data_pack(
            name,
            short_side=short_side,
            quality=quality,
            data_dir=data_dir,
            observe=_told(quiet=out.form == "quiet"),
            should_stop=should_stop,
        )
    made = Pack(folder)
    if out.form == "quiet":
        out.text(str(folder))
        return
    out.record(
        {
            "pack": folder,
            "pictures": len(made.index),
            "parts": list(made.about["parts"]),
            "classes": len(made.about["class_names"]),
            "bytes": made.about["pictures.bin"]["size"],
            "sha256": made.digest,
        },
        name="pack",
    )
    side = f", data.short_side = {short_side} and data.size" if short_side else ""
    out.hint(f"Train on it with data.name = {name!r}, data.storage = 'disk'{side} in a recipe.")


def _told(*, quiet: bool) -> Callable[[int, int], None] | None:
    """Says how far it is, about once a second."""
    if quiet:
        return None
    last = 0.0

    def tell(done: int, total: int) -> None:
        """Write a line, unless the one before is younger than a second."""
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_SECONDS or done == total:
            last = now
            sys.stderr.write(f"{done:,} of {total:,} pictures\n")

    return tell
