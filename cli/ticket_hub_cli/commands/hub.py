"""`ticket hub`: the accounts, tokens and storage of a team's own hub."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.commands.hub_accounts import organization, token, user
from ticket_hub_cli.commands.hub_webhooks import webhook
from ticket_hub_cli.hub_options import (
    CommandGroup,
    HubSettings,
    duration,
    hub_options,
    operation,
    seconds,
    settings_from,
    with_hub,
)
from ticket_hub_cli.options import EndsWithExamples
from ticket_hub_cli.output import CommandOutput, command_line

__all__ = ["command"]

DAMAGED = 1


@click.group(
    "hub",
    cls=CommandGroup,
    epilog="""\
ticket hub user add ada
ticket hub token create ada --scope write --expires 90d
ticket hub gc --dry-run
ticket hub fsck --format json""",
)
def command() -> None:
    """Look after a team's own hub: accounts, tokens, storage."""


for part in (user, organization, token, webhook):
    command.add_command(part)


@command.command(
    "gc",
    cls=EndsWithExamples,
    epilog="ticket hub gc --dry-run\nticket hub gc\nticket hub gc --hub /mnt/lab/tickets",
)
@click.option("--dry-run", is_flag=True, help="Count only.")
@click.option("--grace", callback=seconds, default="24h", show_default=True,
              help="What was sent within this time stays.")  # fmt: skip
@click.option("--xet-grace", callback=seconds, default="22d", show_default=True,
              help="The same for chunks, which clients remember for three weeks.")  # fmt: skip
@click.option("--hub", "folder", metavar="FOLDER", help="A hub in a folder, instead of a service.")
@hub_options
@options.output_options
def collect(
    dry_run: bool, grace: int, xet_grace: int, folder: str | None, out: CommandOutput, **where: str
) -> None:
    """Remove what no repository refers to. It may run beside the service, and beside pushes."""
    # Typed: a user's own default is where tickets are pulled from, and this removes.
    if folder is not None and options.is_typed("folder"):
        from ticket_hub.hub.front import collect_hub

        freed = collect_hub(folder, grace_seconds=grace, dry_run=dry_run)
        out.record({**asdict(freed), "dry_run": dry_run}, name="bytes")
        return
    done = operation().collect_garbage(
        settings_from(where), grace_seconds=grace, xet_seconds=xet_grace, dry_run=dry_run
    )
    out.record({**done, "dry_run": dry_run}, name="bytes")


@command.command(
    "fsck", cls=EndsWithExamples, epilog="ticket hub fsck\nticket hub fsck --format json"
)
@click.option("--quick", is_flag=True, help="Do not read the contents, only look at their sizes.")
@options.output_options
@with_hub
def fsck(quick: bool, out: CommandOutput, hub: HubSettings) -> None:
    """Find every damaged row and content. Exit code 1 when there is any."""
    found = list(operation().find_damage(hub, contents=not quick))
    columns = [Column("what", "WHAT"), Column("name", "NAME"), Column("problem", "PROBLEM")]
    out.table(found, columns, name="name")
    if found:
        out.hint(
            f"{len(found)} damaged. A content is mended by its file from the `blobs` of a backup, "
            "put in its place in the storage; rows by `ticket hub restore` into an empty database."
        )
        click.get_current_context().exit(DAMAGED)
    out.hint("No damage.")


@command.command("backup", cls=EndsWithExamples, epilog="ticket hub backup /mnt/backup/hub")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@options.output_options
@with_hub
def backup(folder: Path, out: CommandOutput, hub: HubSettings) -> None:
    """Copy the hub into a folder, while it runs. A second time copies only what is new."""
    out.record(operation().back_up(hub, folder), name="database")
    out.hint(f"Bring it back with {command_line('ticket', 'hub', 'restore', folder)}.")


@command.command(
    "restore", cls=EndsWithExamples, epilog="ticket hub restore /mnt/backup/hub\nticket hub fsck"
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@options.output_options
@with_hub
def restore(folder: Path, out: CommandOutput, hub: HubSettings) -> None:
    """Bring a hub back from a backup, into an empty database."""
    out.record(operation().restore(hub, folder), name="database")
    out.hint("Check it with `ticket hub fsck`, then start it with `ticket serve`.")


@command.command(
    "index",
    cls=EndsWithExamples,
    epilog="ticket hub index ann lab --source https://huggingface.co\nticket hub index --rebuild",
)
@click.argument("owners", nargs=-1, metavar="[OWNER]...")
@click.option("--source", default="", metavar="URL", help="The other hub; one of the allowed ones.")
@click.option("--rebuild", is_flag=True, help="Fill the catalog anew from this hub's own contents.")
@options.output_options
@with_hub
def index(
    owners: tuple[str, ...], source: str, rebuild: bool, out: CommandOutput, hub: HubSettings
) -> None:
    """List tickets of another hub here, or make this hub's own list anew.

    Only manifests are fetched; the files stay on the other hub. TICKET_HUB_MIRRORS lists the hubs
    that are allowed.
    """
    if rebuild == bool(owners):
        raise click.UsageError("Give owners whose tickets to list, or --rebuild.")
    if rebuild:
        damaged = list(operation().rebuild_index(hub))
        columns = [Column("repo", "REPO"), Column("commit", "COMMIT"), Column("problem", "PROBLEM")]
        out.table(damaged, columns, name="repo")
        out.hint(f"The catalog was made anew; {len(damaged)} commits hold no sound bundle.")
        return
    columns = [Column("repo", "REPO"), Column("done", "DONE"), Column("reason", "REASON")]
    out.table(list(operation().index_mirrored(hub, owners, source)), columns, name="repo")


@command.command("migrate", cls=EndsWithExamples, epilog="ticket hub migrate")
@options.output_options
@with_hub
def migrate(out: CommandOutput, hub: HubSettings) -> None:
    """Bring the database to the schema of this version. Back it up before."""
    before, after = operation().migrate_database(hub)
    out.record({"before": before or None, "after": after}, name="after")


@command.command(
    "quota", cls=EndsWithExamples, epilog="ticket hub quota\nticket hub quota ada 200h"
)
@click.argument("account", required=False)
@click.argument("share", metavar="[TIME]", required=False)
@options.output_options
@with_hub
def quota(account: str | None, share: str | None, out: CommandOutput, hub: HubSettings) -> None:
    """Show or set how much of the workers' time an account may use within 30 days.

    TIME is of one slot: 90m, 200h, 30d, or `none` for no limit. Without an account, all are listed.
    """
    if account and share:
        limit = 0 if share == "none" else duration(share)
        operation().set_quota(hub, account, limit)
        out.record({"account": account, "limit": limit or None}, name="account")
        return
    rows = [row for row in operation().list_quotas(hub) if account in {None, row["account"]}]
    columns = [
        Column("account", "ACCOUNT"),
        Column("limit", "MAY USE, S", right=True),
        Column("used", "HAS USED, S", right=True),
    ]
    out.table(rows, columns, name="account")


@command.command("workers", cls=EndsWithExamples, epilog="ticket hub workers --format json")
@options.output_options
@with_hub
def workers(out: CommandOutput, hub: HubSettings) -> None:
    """List the slots of workers that have shown themselves within a day."""
    columns = [
        Column("name", "NAME"), Column("device", "DEVICE"), Column("engine", "ENGINE"),
        Column("alive", "ALIVE"), Column("job", "JOB"),
    ]  # fmt: skip
    out.table(operation().list_workers(hub), columns, name="name")
