"""`ticket hub`: the accounts, tokens and storage of a team's own hub."""

from __future__ import annotations

import datetime as dt
import functools
import importlib
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from ticket_hub.errors import HubError
from ticket_hub_cli import options
from ticket_hub_cli.options import EndsWithExamples
from ticket_hub_cli.output import Column, Output

__all__ = ["command", "hub_options", "operation", "settings_from"]

F = TypeVar("F", bound=Callable[..., Any])
DAMAGED = 1
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DAY = 86400.0
_SPAN = re.compile(r"(\d{1,6})([smhdw])")


class Group(EndsWithExamples, click.Group):
    """A group of commands whose help ends with examples."""


def operation() -> Any:  # noqa: ANN401 - the service's module, which the command line must not import
    """What the service lets an operator do.

    Raises:
        HubError: the packages of the service are not installed.
    """
    try:
        return importlib.import_module("ticket_hub_api.operation")
    except ImportError as error:
        raise HubError(
            f"The hub needs a package that is not installed: {error.name}.",
            "Install it with `pip install 'ticket-hub[serve]'`.",
        ) from error


def hub_options(function: F) -> F:
    """Add `--database` and `--storage`."""
    function = click.option(
        "--storage", default="", metavar="URL", help="Folder or URL (s3://...) of the blobs."
    )(function)
    return click.option(
        "--database", default="", metavar="URL", help="Database, such as postgresql://user@host/db."
    )(function)


def settings_from(where: Mapping[str, str], **changes: object) -> Any:  # noqa: ANN401 - the service's own type
    """The hub that the options and the environment name."""
    return operation().settings_of(where["database"], where["storage"], **changes)


def with_hub(function: F) -> F:
    """Add the options that name a hub, and hand the command its settings as `hub`."""

    @hub_options
    @functools.wraps(function)
    def opened(*arguments: Any, database: str, storage: str, **values: Any) -> Any:  # noqa: ANN401
        where = {"database": database, "storage": storage}
        return function(*arguments, hub=settings_from(where), **values)

    return cast("F", opened)


def seconds(_context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """`30d`, `12h`, `90m` in seconds."""
    if text is None:
        return None
    match = _SPAN.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not like 30d, 12h or 90m.", param=parameter)
    return int(match[1]) * _UNITS[match[2]]


@click.group(
    "hub",
    cls=Group,
    epilog="""\
ticket hub user add ada
ticket hub token create ada --scope write --expires 90d
ticket hub gc --dry-run
ticket hub fsck --format json""",
)
def command() -> None:
    """Look after a team's own hub: accounts, tokens, storage."""


@command.group("user", cls=Group, epilog="ticket hub user add ada --email ada@example.org")
def user() -> None:
    """Add, list, lock out and let in users."""


@user.command("add", cls=EndsWithExamples, epilog="ticket hub user add ada")
@click.argument("name")
@click.option("--full-name", default="")
@click.option("--email", default="")
@options.output_options
@with_hub
def add_user(name: str, full_name: str, email: str, out: Output, hub: Any) -> None:  # noqa: ANN401
    """Add a user."""
    operation().add_user(hub, name, full_name=full_name, email=email)
    out.record({"name": name, "kind": "user"}, name="name")
    out.hint(f"Give a token with `ticket hub token create {name} --scope write`.")


@user.command("list", cls=EndsWithExamples, epilog="ticket hub user list --format json")
@options.output_options
@with_hub
def list_users(out: Output, hub: Any) -> None:  # noqa: ANN401
    """List users and organizations."""
    columns = [Column("name", "NAME"), Column("kind", "KIND"), Column("disabled", "LOCKED OUT")]
    out.table(operation().list_accounts(hub), columns, name="name")


@user.command("disable", cls=EndsWithExamples, epilog="ticket hub user disable ada")
@click.argument("name")
@click.option("--undo", is_flag=True, help="Let the account in again.")
@options.output_options
@with_hub
def disable_user(name: str, undo: bool, out: Output, hub: Any) -> None:  # noqa: ANN401
    """Lock an account out, with all its tokens."""
    operation().set_disabled(hub, name, disabled=not undo)
    out.record({"name": name, "disabled": not undo}, name="name")


@command.group("org", cls=Group, epilog="ticket hub org add lab\nticket hub org member lab ada")
def organization() -> None:
    """Add organizations and their members."""


@organization.command("add", cls=EndsWithExamples, epilog="ticket hub org add lab")
@click.argument("name")
@click.option("--full-name", default="")
@options.output_options
@with_hub
def add_organization(name: str, full_name: str, out: Output, hub: Any) -> None:  # noqa: ANN401
    """Add an organization, which owns repositories and has members."""
    operation().add_organization(hub, name, full_name=full_name)
    out.record({"name": name, "kind": "organization"}, name="name")
    out.hint(f"Add members with `ticket hub org member {name} USER --role write`.")


@organization.command(
    "member", cls=EndsWithExamples, epilog="ticket hub org member lab ada --role admin"
)
@click.argument("name")
@click.argument("user_name", metavar="USER")
@click.option(
    "--role", type=click.Choice(["read", "write", "admin", "none"]), default="write",
    show_default=True, help="`none` ends the membership.",
)  # fmt: skip
@options.output_options
@with_hub
def member(name: str, user_name: str, role: str, out: Output, hub: Any) -> None:  # noqa: ANN401
    """Give a user a role in an organization."""
    operation().add_member(hub, name, user_name, role)
    out.record({"organization": name, "user": user_name, "role": role}, name="user")


@command.group("token", cls=Group, epilog="ticket hub token create ada --scope write")
def token() -> None:
    """Issue, list and revoke tokens."""


@token.command(
    "create",
    cls=EndsWithExamples,
    epilog="ticket hub token create ada --scope write --expires 90d -q > token",
)
@click.argument("user_name", metavar="USER")
@click.option("--scope", type=click.Choice(["read", "write", "admin"]), required=True)
@click.option("--name", default="token", show_default=True, help="What it is for.")
@click.option("--expires", callback=seconds, help="After how long: 12h, 90d.  [default: never]")
@options.output_options
@with_hub
def create_token(
    user_name: str,
    scope: str,
    name: str,
    expires: int | None,
    out: Output,
    hub: Any,  # noqa: ANN401
) -> None:
    """Issue a token to a user. Its secret is shown once and kept nowhere."""
    issued = operation().create_token(
        hub, user_name, scope=scope, name=name, expires_seconds=expires
    )
    issued["expires_at"] = _moment(issued["expires_at"])
    out.record(issued, name="secret")
    out.hint("Keep the secret: it cannot be shown again. Clients read it from HF_TOKEN.")


@token.command("list", cls=EndsWithExamples, epilog="ticket hub token list")
@options.output_options
@with_hub
def list_tokens(out: Output, hub: Any) -> None:  # noqa: ANN401
    """List tokens, without their secrets."""
    rows = operation().list_tokens(hub)
    for row in rows:
        for name in ("created_at", "expires_at", "revoked_at"):
            row[name] = _moment(row[name])
    columns = [
        Column("id", "ID"), Column("account", "USER"), Column("name", "NAME"),
        Column("scope", "SCOPE"), Column("expires_at", "EXPIRES"), Column("revoked_at", "REVOKED"),
    ]  # fmt: skip
    out.table(rows, columns, name="id")


def _moment(microseconds: int | None) -> str | None:
    if microseconds is None:
        return None
    return dt.datetime.fromtimestamp(microseconds / 1e6, dt.UTC).isoformat(timespec="seconds")


@token.command("revoke", cls=EndsWithExamples, epilog="ticket hub token revoke 0123456789abcdef")
@click.argument("token_id", metavar="ID")
@options.output_options
@with_hub
def revoke_token(token_id: str, out: Output, hub: Any) -> None:  # noqa: ANN401
    """End a token at once."""
    operation().revoke_token(hub, token_id)
    out.record({"id": token_id, "revoked": True}, name="id")


@command.command("gc", cls=EndsWithExamples, epilog="ticket hub gc --dry-run\nticket hub gc")
@click.option("--dry-run", is_flag=True, help="Count only.")
@click.option("--grace", callback=seconds, default="24h", show_default=True,
              help="What was sent within this time stays.")  # fmt: skip
@click.option("--xet-grace", callback=seconds, default="22d", show_default=True,
              help="The same for chunks, which clients remember for three weeks.")  # fmt: skip
@options.output_options
@with_hub
def collect(dry_run: bool, grace: int, xet_grace: int, out: Output, hub: Any) -> None:  # noqa: ANN401
    """Remove what no repository refers to. It may run beside the service."""
    done = operation().collect_garbage(
        hub, grace_seconds=grace, xet_seconds=xet_grace, dry_run=dry_run
    )
    out.record({**done, "dry_run": dry_run}, name="bytes")


@command.command(
    "fsck", cls=EndsWithExamples, epilog="ticket hub fsck\nticket hub fsck --format json"
)
@click.option("--quick", is_flag=True, help="Do not read the contents, only look at their sizes.")
@options.output_options
@with_hub
def fsck(quick: bool, out: Output, hub: Any) -> None:  # noqa: ANN401
    """Find every damaged row and content. Exit code 1 when there is any."""
    found = list(operation().find_damage(hub, contents=not quick))
    columns = [Column("what", "WHAT"), Column("name", "NAME"), Column("problem", "PROBLEM")]
    out.table(found, columns, name="name")
    if found:
        out.hint(f"{len(found)} damaged. Restore them from a backup, or push the files again.")
        sys.exit(DAMAGED)
    out.hint("No damage.")


@command.command("backup", cls=EndsWithExamples, epilog="ticket hub backup /mnt/backup/hub")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@options.output_options
@with_hub
def backup(folder: Path, out: Output, hub: Any) -> None:  # noqa: ANN401
    """Copy the hub into a folder, while it runs. A second time copies only what is new."""
    out.record(operation().back_up(hub, folder), name="database")
    out.hint(f"Bring it back with `ticket hub restore {folder}`.")


@command.command(
    "restore", cls=EndsWithExamples, epilog="ticket hub restore /mnt/backup/hub\nticket hub fsck"
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@options.output_options
@with_hub
def restore(folder: Path, out: Output, hub: Any) -> None:  # noqa: ANN401
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
def index(owners: tuple[str, ...], source: str, rebuild: bool, out: Output, hub: Any) -> None:  # noqa: ANN401
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
def migrate(out: Output, hub: Any) -> None:  # noqa: ANN401
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
def quota(account: str | None, share: str | None, out: Output, hub: Any) -> None:  # noqa: ANN401
    """Show or set how much of the workers' time an account may use within 30 days.

    TIME is of one slot: 90m, 200h, 30d, or `none` for no limit. Without an account, all are listed.
    """
    if account and share:
        limit = 0 if share == "none" else _seconds_of(share)
        _jobs().set_quota(hub, account, limit)
        out.record({"account": account, "limit": limit or None}, name="account")
        return
    rows = [row for row in _jobs().list_quotas(hub) if account in {None, row["account"]}]
    columns = [
        Column("account", "ACCOUNT"),
        Column("limit", "MAY USE, S", right=True),
        Column("used", "HAS USED, S", right=True),
    ]
    out.table(rows, columns, name="account")


@command.command("workers", cls=EndsWithExamples, epilog="ticket hub workers --format json")
@options.output_options
@with_hub
def workers(out: Output, hub: Any) -> None:  # noqa: ANN401
    """List the slots of workers that have shown themselves within a day."""
    columns = [
        Column("name", "NAME"), Column("device", "DEVICE"), Column("engine", "ENGINE"),
        Column("alive", "ALIVE"), Column("job", "JOB"),
    ]  # fmt: skip
    out.table(_jobs().list_workers(hub), columns, name="name")


def _jobs() -> Any:  # noqa: ANN401 - the service's module, which the command line must not import
    operation()  # says what is missing
    return importlib.import_module("ticket_hub_api.jobs.administration")


def _seconds_of(text: str) -> int:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not like 30d, 200h, 90m or none.")
    return int(match[1]) * _UNITS[match[2]]
