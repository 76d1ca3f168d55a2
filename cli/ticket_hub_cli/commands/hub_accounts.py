"""`ticket hub user`, `org` and `token`: who may use a team's hub."""

from __future__ import annotations

import datetime as dt

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.hub_options import CommandGroup, HubSettings, operation, seconds, with_hub
from ticket_hub_cli.options import EndsWithExamples
from ticket_hub_cli.output import CommandOutput

__all__ = ["organization", "token", "user"]


@click.group("user", cls=CommandGroup, epilog="ticket hub user add ada --email ada@example.org")
def user() -> None:
    """Add, list, lock out and let in users."""


@user.command("add", cls=EndsWithExamples, epilog="ticket hub user add ada")
@click.argument("name")
@click.option("--full-name", default="")
@click.option("--email", default="")
@options.output_options
@with_hub
def add_user(name: str, full_name: str, email: str, out: CommandOutput, hub: HubSettings) -> None:
    """Add a user."""
    operation().add_user(hub, name, full_name=full_name, email=email)
    out.record({"name": name, "kind": "user"}, name="name")
    out.hint(f"Give a token with `ticket hub token create {name} --scope write`.")


@user.command("list", cls=EndsWithExamples, epilog="ticket hub user list --format json")
@options.output_options
@with_hub
def list_users(out: CommandOutput, hub: HubSettings) -> None:
    """List users and organizations."""
    columns = [Column("name", "NAME"), Column("kind", "KIND"), Column("disabled", "LOCKED OUT")]
    out.table(operation().list_accounts(hub), columns, name="name")


@user.command("disable", cls=EndsWithExamples, epilog="ticket hub user disable ada")
@click.argument("name")
@click.option("--undo", is_flag=True, help="Let the account in again.")
@options.output_options
@with_hub
def disable_user(name: str, undo: bool, out: CommandOutput, hub: HubSettings) -> None:
    """Lock an account out, with all its tokens."""
    operation().set_disabled(hub, name, disabled=not undo)
    out.record({"name": name, "disabled": not undo}, name="name")


@click.group(
    "org", cls=CommandGroup, epilog="ticket hub org add lab\nticket hub org member lab ada"
)
def organization() -> None:
    """Add organizations and their members."""


@organization.command("add", cls=EndsWithExamples, epilog="ticket hub org add lab")
@click.argument("name")
@click.option("--full-name", default="")
@options.output_options
@with_hub
def add_organization(name: str, full_name: str, out: CommandOutput, hub: HubSettings) -> None:
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
def member(name: str, user_name: str, role: str, out: CommandOutput, hub: HubSettings) -> None:
    """Give a user a role in an organization."""
    operation().add_member(hub, name, user_name, role)
    out.record({"organization": name, "user": user_name, "role": role}, name="user")


@click.group("token", cls=CommandGroup, epilog="ticket hub token create ada --scope write")
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
    out: CommandOutput,
    hub: HubSettings,
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
def list_tokens(out: CommandOutput, hub: HubSettings) -> None:
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
def revoke_token(token_id: str, out: CommandOutput, hub: HubSettings) -> None:
    """End a token at once."""
    operation().revoke_token(hub, token_id)
    out.record({"id": token_id, "revoked": True}, name="id")
