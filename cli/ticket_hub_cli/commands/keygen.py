"""`ticket keygen`."""

from __future__ import annotations

import click

from ticket_hub_cli import options
from ticket_hub_cli.output import CommandOutput, command_line


@options.command("keygen", "ticket keygen", "ticket keygen lab --format json")
@click.argument("name", default="default")
@options.output_options
def command(name: str, out: CommandOutput) -> None:
    """Make a key that signs bundles, replays and provenance.

    The private key (ECDSA on P-256) is a file of mode 0600 in TICKET_HOME that no command sends
    anywhere. The public key is the file that others need to check what was signed; give it to them
    on another way than the tickets.
    """
    from ticket_hub.signing.keys import PublicKey, keygen

    public = keygen(name)
    key = PublicKey(public.read_bytes(), str(public))
    private = public.with_suffix(".pem")
    out.record({"name": name, "key": key.id, "public": public, "private": private}, name="public")
    trust = command_line("ticket", "trust", "add", "YOUR_NAME", public.name)
    out.hint(f"Keep {private} to yourself. Others trust the public key with {trust}.")
