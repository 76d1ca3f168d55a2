"""The `ticket` command: one group, and what becomes of errors."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import NoReturn

import click

from ticket_hub.errors import StoppedError, StorageError, TicketHubError
from ticket_hub.training.capacity import world_size
from ticket_hub_cli import output
from ticket_hub_cli.commands import SECTIONS
from ticket_hub_cli.config_file import origin_of
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
        _refuse_other_bytes(given)
        result = _carry_out(lambda: group.main(given, prog_name="ticket", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        # Say of a value that nobody typed where it is from.
        if origin := origin_of(error):
            click.echo(origin, err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        output.stopped("It was interrupted.")
        return INTERRUPTED
    except StoppedError as error:
        output.stopped(error.problem, error.remedy)
        return exit_code(error)
    except TicketHubError as error:
        return _failed(error)
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        failure = _unwritten(error) or _lacking(error) or _forbidden(error)
        return _crashed(error, given) if failure is None else _failed(failure)
    return result if isinstance(result, int) else 0


def _carry_out(command: Callable[[], object]) -> object:
    """Run the command in this process, or, started by torchrun, in the first of several.

    The others train along, say nothing, and have the exit code of the first one's error.
    """
    if world_size() == 1:
        return command()
    from ticket_hub.runs import stop_on_signals
    from ticket_hub.training.following import together

    with stop_on_signals() if os.environ["RANK"] != "0" else nullcontext() as should_stop:
        return together(
            command, lambda met: 0 if met is None else exit_code(met), should_stop=should_stop
        )


def _failed(error: TicketHubError) -> int:
    output.error(error.problem, error.remedy)
    return exit_code(error)


def _refuse_other_bytes(given: Sequence[str]) -> None:
    """Names of files are written into results, which are UTF-8.

    Raises:
        UsageError: an argument is not.
    """
    for argument in given:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise click.UsageError(
                f"The bytes of {argument!r} are not UTF-8. Rename that file or folder, or choose "
                "another name."
            ) from None


def _lacking(error: Exception) -> TicketHubError | None:
    """The error for a module that Ticket Hub asks for; None where it is another fault."""
    from ticket_hub_cli.missing import remedy_for

    remedy = remedy_for(error.name) if isinstance(error, ModuleNotFoundError) else None
    return TicketHubError(f"The module {error.name} is missing.", remedy) if remedy else None  # type: ignore[attr-defined] # it is one


def _forbidden(error: Exception) -> TicketHubError | None:
    """The error for what this user may not look at; None where it is another fault."""
    if not isinstance(error, PermissionError) or error.filename is None:
        return None
    return StorageError(
        f"This user may not look at {error.filename}.",
        "Ask its owner for the right to read it, or name another place.",
    )


def _unwritten(error: Exception) -> TicketHubError | None:
    """The error for results that cannot be printed; None where it is another fault.

    An error of echo names no file, and no later flush repeats it.
    """
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if not (isinstance(error, OSError) and frame.f_code is click.echo.__code__):
        return None
    return StorageError(
        f"The results could not be printed: {error.strerror or error}.",
        "What was made before is on disk. Free some space, or send stdout somewhere else.",
    )


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
