"""`ticket trust`: whose signatures are believed here."""

from __future__ import annotations

from pathlib import Path

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.hub_options import CommandGroup
from ticket_hub_cli.output import CommandOutput

COLUMNS = [
    Column("name", "NAME"),
    Column("key", "KEY", lambda key: key[:16]),
    Column("yours", "YOURS", lambda yours: "yes" if yours else "-"),
]


@click.group(
    "trust",
    cls=CommandGroup,
    epilog="ticket trust add ann ann.pub\nticket trust list\nticket trust remove ann",
)
def command() -> None:
    """Say whose signatures you believe."""


@command.command("add", cls=options.EndsWithExamples, epilog="ticket trust add ann ann.pub")
@click.argument("name")
@click.argument("key", type=click.Path(path_type=Path, dir_okay=False))
@options.output_options
def add(name: str, key: Path, out: CommandOutput) -> None:
    """Believe what is signed with a public key, and call its owner NAME.

    KEY is the file of a public key (PEM), from `ticket keygen` or another tool of OpenSSF Model
    Signing. Compare its id with the owner, on another way than the one by which the file came.
    """
    from ticket_hub.signing.trust import trust_key

    found = trust_key(name, key)
    out.record({"name": name, "key": found.id}, name="key")
    out.hint(f"Ask {name} whether this is the id of their key.")


@command.command("list", cls=options.EndsWithExamples, epilog="ticket trust list --format json")
@options.output_options
def list_keys(out: CommandOutput) -> None:
    """List the keys that are trusted here, and your own."""
    from ticket_hub.signing.keys import own_keys
    from ticket_hub.signing.trust import trusted_keys

    own, trusted = own_keys(), trusted_keys()
    rows = [{"name": name, "key": key.id, "yours": True} for name, key in own.items()]
    rows += [{"name": name, "key": key.id, "yours": False} for name, key in trusted.items()]
    out.table(rows, COLUMNS, name="name")
    if not rows:
        out.hint("No key is trusted yet: `ticket trust add NAME KEY`.")


@command.command("remove", cls=options.EndsWithExamples, epilog="ticket trust remove ann")
@click.argument("name")
@options.output_options
def remove(name: str, out: CommandOutput) -> None:
    """Believe the key of this name no longer."""
    from ticket_hub.signing.trust import remove_trusted

    remove_trusted(name)
    out.record({"removed": name}, name="removed")
