"""A group of commands that imports a command only when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import cast

import click

from ticket_hub_cli.config_file import config_path, defaults_for
from ticket_hub_cli.options import EndsWithExamples

__all__ = ["LazyGroup"]


class LazyGroup(EndsWithExamples, click.Group):
    """Commands by name, each the attribute `command` of a module of its own.

    Args:
        sections: heading -> (name -> module), in the order in which help shows them.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        sections: Mapping[str, Mapping[str, str]] | None = None,
        **settings: object,
    ) -> None:
        super().__init__(name, **settings)  # type: ignore[arg-type] # as click.Group takes them
        self.sections = sections or {}
        self.modules = {
            name: module for part in self.sections.values() for name, module in part.items()
        }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the sections."""
        del ctx
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command, imported now."""
        del ctx
        if cmd_name not in self.modules:
            return None
        module = importlib.import_module(self.modules[cmd_name])
        return cast("click.Command", module.command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest; its options have what the user's file says."""
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(self._no_such_command(error, args[0]), ctx) from error
        # Completion parses leniently: a mistake in the user's file is no matter for it.
        if name is not None and command is not None and not ctx.resilient_parsing:
            ctx.default_map = {name: defaults_for(name, command, self.modules)}
        return name, command, rest

    def _no_such_command(self, error: click.UsageError, given: str) -> str:
        from ticket_hub.registry import nearest

        near = nearest(given, self.modules, cutoff=0.6)
        message = f"There is no command {given!r}." if not given.startswith("-") else error.message
        return f"{message} Did you mean {near!r}?" if near else message

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section, with the first sentence of each."""
        # Over all sections, so that their columns stand below each other.
        width = max(map(len, self.modules), default=0)
        for heading, part in self.sections.items():
            rows = []
            for name in part:
                command = self.get_command(ctx, name)
                if command is not None and not command.hidden:
                    rows.append((name.ljust(width), command.get_short_help_str(limit=70)))
            with formatter.section(heading):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, and where the user's own defaults are."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Your defaults"):
            formatter.write(f"  {config_path() or 'none; see docs/config-file.md'}\n")
