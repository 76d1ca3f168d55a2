"""`ticket push`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ticket_hub_cli import options
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput, command_line


@options.command(
    "push",
    "ticket push digits-quick ann/digits --license cc-by-4.0",
    "ticket push lenet-mnist ann/lenet --hub /mnt/lab/tickets",
    "ticket push digits-quick ann/digits --with-evidence retrain-mnist-0a1b2c3d4e5f --by Ann",
    "ticket push ./bundle ann/lenet --hub https://tickets.example.org --private",
    "ticket push ./bundle ann/lenet --sign",
)
@click.argument("ticket", type=RUN)
@click.argument("repo", metavar="OWNER/NAME")
@options.hub_option
@click.option("-m", "--message", help="Of the commit.")
@click.option("--private/--public", default=None, help="For a new repository.")
@click.option(
    "--with-evidence",
    "evidence",
    metavar="RUN",
    multiple=True,
    help="Add what this run of `ticket retrain` found with its tickets, or what became of a claim "
    "(`ticket reproduce`); may be given again.",
)
@options.theta0_option("dense", "reference", "signs")
@click.option(
    "--license",
    metavar="SPDX",
    help="That others may use them under, such as cc-by-4.0.  [default: what the card says]",
)
@click.option("--by", default="", help="Who made that evidence; by default who it says.")
@click.option("--parent", metavar="COMMIT", help="Refuse unless the hub's newest commit is this.")
@click.option("--sign", is_flag=True, help="Sign the bundle before it is sent.")
@options.key_option
@click.option("--create-pr", is_flag=True, help="Propose the commit as a pull request.")
@options.import_option
@options.output_options
def command(
    ticket: str,
    repo: str,
    out: CommandOutput,
    **terms: Any,  # noqa: ANN401 - by the names of `push_bundle`
) -> None:
    """Share the tickets of a run or a bundle under OWNER/NAME.

    The card gets a figure of the ladder, and every check of `ticket verify` is made first. One
    commit; what the hub has already is not sent again; a README.md that a person wrote on the hub
    stays. The card's first line loads the tickets from OWNER/NAME; --license is remembered on it.
    --with-evidence adds a finished experiment with these tickets, or a claim that was tried with
    them, to the bundle and its card, marked with who made it, where and when. --sign signs what is
    sent. The token is HF_TOKEN, or what `hf auth login` kept.
    """
    if not terms["evidence"]:
        options.refuse_typed("--with-evidence", "by")
    if not terms["sign"]:
        options.refuse_typed("--sign", "key")
    from ticket_hub.bundle.layout import SIGNATURE
    from ticket_hub.facade import draw_card
    from ticket_hub.runs.locate import locate_whole
    from ticket_hub.transfer.sharing import push_bundle

    bundle = locate_whole(ticket).bundle
    if not (bundle / SIGNATURE).exists():  # another figure would cost it, also if the push fails
        draw_card(bundle, out.hint)
    terms["license"] = _license(bundle, terms["license"])
    pushed = push_bundle(bundle, repo, **terms)
    out.record(
        {
            "ticket": pushed.repo,
            "commit": pushed.commit,
            "url": pushed.url,
            "files_sent": len(pushed.uploaded),
        },
        name="ticket",
    )
    if pushed.passed_over:
        out.hint(f"Not sent, of systems and not of the bundle: {', '.join(pushed.passed_over)}.")
    pull = command_line("ticket", "pull", pushed.repo, hub=terms["hub"])
    out.hint(f"A colleague gets it with {pull}.")


def _license(bundle: Path, given: str | None) -> str | None:
    """What was asked for; a user's own default is for cards that name no licence yet."""
    from ticket_hub.bundle.card_terms import read_terms

    source = click.get_current_context().get_parameter_source("license")
    is_default = source is click.core.ParameterSource.DEFAULT_MAP
    return None if is_default and read_terms(bundle).license else given
