"""`ticket completion`."""

from __future__ import annotations

import click

from ticket_hub_cli import options

SHELLS = ["bash", "zsh", "fish"]
WHOLE_WORDS = """
# Bash would take what stands before a colon for another word, and complete no level: RUN:7
COMP_WORDBREAKS=${COMP_WORDBREAKS//:/}"""


@options.command(
    "completion",
    'eval "$(ticket completion bash)"       in ~/.bashrc',
    'eval "$(ticket completion zsh)"        in ~/.zshrc',
    "ticket completion fish > ~/.config/fish/completions/ticket.fish",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, recipes and runs."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click completes all three shells"
    root = ctx.find_root().command
    source = kind(root, {}, "ticket", "_TICKET_COMPLETE").source()
    click.echo(source + WHOLE_WORDS if shell == "bash" else source)
