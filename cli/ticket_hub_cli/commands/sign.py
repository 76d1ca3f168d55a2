"""`ticket sign`."""

from __future__ import annotations

import click

from ticket_hub_cli import options
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput, command_line


@options.command(
    "sign",
    "ticket sign digits-quick",
    "ticket sign ./bundle --key lab",
    "ticket sign ./bundle --key /secure/key.pem --format json",
)
@click.argument("ticket", type=RUN)
@options.key_option
@options.import_option
@options.output_options
def command(ticket: str, key: str, out: CommandOutput) -> None:
    """Sign a bundle, so that others can tell that it is yours and unchanged.

    Every check of `ticket verify` is made first. The signature is model.sig in the bundle, in the
    format of OpenSSF Model Signing; `ticket push` takes it along. It covers every byte but the
    card, and is gone when the bundle changes.
    """
    from ticket_hub.facade import draw_card
    from ticket_hub.runs.locate import locate_whole
    from ticket_hub.transfer.sharing import sign_bundle

    folder = locate_whole(ticket).bundle
    draw_card(folder, out.hint)
    signed = sign_bundle(folder, key=key)
    signature = folder / "model.sig"
    out.record({"bundle": folder, "signature": signature, "key": signed.key_id}, name="signature")
    check = command_line("ticket", "verify", ticket, "--signer", "NAME_OR_KEY")
    out.hint(f"Others check it with {check}.")
