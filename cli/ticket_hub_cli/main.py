"""The `ticket` command: one group, and what becomes of errors."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from ticket_hub.errors import StoppedError, StorageError, TicketHubError
from ticket_hub_cli import output
from ticket_hub_cli.commands import SECTIONS
from ticket_hub_cli.exit_codes import INTERNAL, INTERRUPTED, exit_code
from ticket_hub_cli.lazy import LazyGroup

__all__ = ["cli", "main", "run"]


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's order
    if wanted:
        import platform
        from importlib.metadata import version

        from ticket_hub import __version__

        click.echo(
            f"ticket {__version__} (Python {platform.python_version()}, torch {version('torch')})"
        )
        ctx.exit()


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\
ticket find digits-quick      find tickets on a small data set, in about a minute
ticket list                   what there is on this machine
ticket report digits-quick    draw figures, as the papers do""",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Find, pack, share and retrain lottery tickets."""


def run(arguments: Sequence[str] | None = None, group: click.Group = cli) -> int:
    """Run one command line and return its exit code; no exception leaves.

    Args:
        arguments: after the command's name; those of this process by default.
        group: of the commands.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = group.main(given, prog_name="ticket", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        output.stopped("It was interrupted.")
        return INTERRUPTED
    except StoppedError as error:
        output.stopped(error.problem, error.remedy)
        return exit_code(error)
    except TicketHubError as error:
        output.error(error.problem, error.remedy)
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        return _unwritten(error) if _is_of_echo(error) else _crashed(error, given)
    return result if isinstance(result, int) else 0


def _is_of_echo(error: Exception) -> bool:
    """Whether printing failed: the error then names no file, and no later flush repeats it."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return isinstance(error, OSError) and frame.f_code is click.echo.__code__


def _unwritten(error: Exception) -> int:
    failure = StorageError(
        f"The results could not be printed: {getattr(error, 'strerror', None) or error}.",
        "What was made before is on disk. Free some space, or send stdout somewhere else.",
    )
    output.error(failure.problem, failure.remedy)
    return exit_code(failure)


def _crashed(error: Exception, given: Sequence[str]) -> int:
    from ticket_hub_cli.crash import save_traceback

    path = save_traceback(error, given)
    kind, place = type(error).__name__, f"The details are in {path}." if path else ""
    output.error(
        f"Something went wrong that should not ({kind}: {error}). {place}",
        "What was finished before is on disk. Please report this, with that file.",
    )
    return INTERNAL


def main() -> NoReturn:
    """Run the command line of this process."""
    sys.exit(run())
