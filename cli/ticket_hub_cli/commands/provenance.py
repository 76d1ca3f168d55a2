"""`ticket provenance`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ticket_hub_cli import options
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput


@options.command(
    "provenance",
    "ticket provenance digits-quick",
    "ticket provenance ./bundle --sign --out bundle.intoto.json",
)
@click.argument("ticket", type=RUN)
@click.option("--sign", is_flag=True, help="Sign it: the JSON of a Sigstore bundle.")
@options.key_option
@click.option(
    "--out", "target", type=click.Path(path_type=Path, dir_okay=False), help="Write it there."
)
@options.import_option
@options.output_options
def command(ticket: str, sign: bool, key: str, target: Path | None, out: CommandOutput) -> None:
    """Say how a bundle was made, as a SLSA provenance statement.

    JSON (in-toto, https://slsa.dev/provenance/v1) with the recipe, data, seeds and environment that
    the manifest has, about the sha256 of the manifest.
    """
    from ticket_hub.durable import write_bytes
    from ticket_hub.runs.locate import locate_whole
    from ticket_hub.signing.envelope import seal
    from ticket_hub.signing.keys import find_key
    from ticket_hub.signing.provenance import provenance_statement

    statement = provenance_statement(locate_whole(ticket).bundle)
    text = json.dumps(statement, indent=2, ensure_ascii=False) + "\n"
    if sign:
        text = seal(statement, find_key(key)).decode()
    if target is None:
        out.text(text.rstrip())
        return
    write_bytes(target, text.encode())
    out.record({"provenance": target, "signed": sign}, name="provenance")
