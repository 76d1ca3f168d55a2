"""The command reference, `cli/README.md`, from the commands themselves.

python -m ticket_hub_cli.reference > cli/README.md
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from ticket_hub_cli.exit_codes import table
from ticket_hub_cli.main import cli

__all__ = ["reference"]

WIDTH = 88
HEAD = """\
# The `ticket` command

This page is made from `--help`: `python -m ticket_hub_cli.reference > cli/README.md`.

- Results go to stdout, progress and advice to stderr. `--format json` gives one JSON value,
  `-q` only what names the results, for pipes.
- On a terminal `ticket find` shows its progress live, elsewhere in plain lines.
- No command shows a traceback. Each error says what is wrong and what to do about it; details of
  a bug are saved in a file that the message names.
- `ticket completion bash|zsh|fish` makes the shell complete commands, recipes and runs.

## Exit codes

| code | meaning |
|---:|---|
"""


def reference() -> str:
    """The whole page."""
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in table())
    sections = "".join(_section(path, command) for path, command in _commands(cli, ("ticket",)))
    return f"{HEAD}{codes}\n## Commands\n{sections}"


def _commands(
    group: click.Group, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, group
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        elif command is not None and not command.hidden:
            yield (*path, name), command


def _section(path: tuple[str, ...], command: click.Command) -> str:
    context = click.Context(
        command,
        info_name=" ".join(path),
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    return f"\n### `{' '.join(path)}`\n\n```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
