"""Options and arguments that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from ticket_hub_cli.config_file import config_path, described
from ticket_hub_cli.named_types import REPORTER, Assignment
from ticket_hub_cli.output import CommandOutput

__all__ = [
    "EndsWithExamples",
    "alpha_option",
    "command",
    "hub_option",
    "import_option",
    "is_typed",
    "margin_option",
    "output_options",
    "refuse_typed",
    "resource_options",
    "set_option",
    "sweep_option",
    "theta0_option",
]

F = TypeVar("F", bound=Callable[..., Any])


class EndsWithExamples(click.Command):
    """A command whose help ends with its epilog as examples: one a line, not wrapped."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the user's own file sets, and the examples as the last section."""
        if ctx.default_map and (rows := described(ctx)):
            with formatter.section(f"Defaults of {config_path()}"):
                formatter.write_dl(rows)
        with formatter.section("Examples"):
            for line in (self.epilog or "").splitlines():
                formatter.write(f"  {line}\n")


def is_typed(parameter: str) -> bool:
    """Whether a parameter of the command that runs has its value from the command line itself."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source is click.core.ParameterSource.COMMANDLINE


def refuse_typed(without: str, *parameters: str) -> None:
    """Refuse options that were typed and would do nothing; a user's own defaults may stay.

    Args:
        without: the option that is missing.
        parameters: by their names in the command.

    Raises:
        UsageError: one of them was typed.
    """
    for each in click.get_current_context().command.params:
        if each.name in parameters and is_typed(each.name):
            raise click.UsageError(f"{each.opts[0]} does nothing without {without}.")


def command(name: str, *examples: str) -> Callable[[Callable[..., int | None]], EndsWithExamples]:
    """Make a command of a function, with the examples that end its help."""
    return click.command(name, cls=EndsWithExamples, epilog="\n".join(examples))


class OutputForms(click.Choice[str]):
    """The forms of results; `human`, as tables were once called, is one still."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The form that a name stands for."""
        return super().convert("table" if value == "human" else value, param, ctx)


def output_options(function: F) -> F:
    """Add `--format` and `-q`, and hand the command a `CommandOutput` as `out`."""

    @click.option(
        "--format",
        "form",
        type=OutputForms(["table", "csv", "json", "jsonl", "quiet"]),
        default="table",
        show_default=True,
        help="Form of the results on stdout.",
    )
    @click.option("-q", "--quiet", is_flag=True, help="Print names only: --format quiet.")
    @functools.wraps(function)
    def with_output(
        *args: Any,  # noqa: ANN401 - whatever the command takes
        form: str,
        quiet: bool,
        **values: Any,  # noqa: ANN401 - whatever the command takes
    ) -> Any:  # noqa: ANN401 - and gives
        """Call the command with what shows its results."""
        people = "human" if form == "table" else form
        out = CommandOutput("quiet" if quiet else cast("Any", people))
        return function(*args, out=out, **values)

    return cast("F", with_output)


def hub_option(function: F) -> F:
    """Add `--hub`."""
    return click.option(
        "--hub",
        metavar="URL|FOLDER",
        help="A team's own hub, or a hub in a folder.  "
        "[default: TICKET_HUB, HF_ENDPOINT, or the public Hub]",
    )(function)


def _import(_ctx: click.Context, _param: click.Parameter, sources: tuple[str, ...]) -> None:
    from ticket_hub import plugins

    for source in sources:
        plugins.use(source)


def import_option(function: F) -> F:
    """Add `--import`, which makes the user's own networks and data sets known before anything."""
    return click.option(
        "--import",
        metavar="FILE|MODULE",
        multiple=True,
        # Before all others, whose values may be names that it registers.
        is_eager=True,
        expose_value=False,
        callback=_import,
        help="Import what registers your own networks and data sets.  [default: TICKET_IMPORT]",
    )(function)


def margin_option(function: F) -> F:
    """Add `--margin`."""
    return click.option(
        "--margin",
        type=float,
        default=0.002,
        show_default=True,
        metavar="FRACTION",
        help="How far below dense still is not inferior: 0.002 is 0.2 points of accuracy.",
    )(function)


def alpha_option(function: F) -> F:
    """Add `--alpha`."""
    return click.option(
        "--alpha",
        type=float,
        default=0.05,
        show_default=True,
        metavar="CHANCE",
        help="Chance of any false word in all that is asked for.",
    )(function)


def resource_options(accept: str = "") -> Callable[[F], F]:
    """Add the options of `ticket_hub.runs.Resources`, and hand the command these as `resources`.

    Args:
        accept: what is said of `--accept-environment`; without it there is no such option.
    """
    found = [
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path, file_okay=False),
            help="Folder of the data sets.  [default: TICKET_DATA]",
        ),
        click.option(
            "--device",
            help="cpu, cuda, cuda:1; of several cuda:all.  [default: CUDA where there is one]",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            help="Training processes on a CPU; 1 trains in this one.",
        ),
    ]
    names = ["data_dir", "device", "workers"]
    if accept:
        found.append(click.option("--accept-environment", is_flag=True, help=accept))
        names.append("accept_environment")

    def with_options(function: F) -> F:
        """Add the options to a command."""

        @functools.wraps(function)
        def with_resources(*args: Any, **values: Any) -> Any:  # noqa: ANN401 - of the command
            """Call the command with these options' values as one."""
            resources = {name: values.pop(name) for name in names}
            return function(*args, resources=resources, **values)

        command: Any = with_resources
        # click takes the decorator nearest to the function for the last option.
        for option in reversed(found):
            command = option(command)
        return cast("F", command)

    return with_options


def key_option(function: F) -> F:
    """Add `--key`."""
    return click.option(
        "--key",
        default="",
        metavar="NAME|FILE",
        help="Of `ticket keygen`, or a PEM file.  [default: default, or the only one]",
    )(function)


def theta0_option(*choices: str, default: str | None = None) -> Callable[[F], F]:
    """Add `--theta0`."""
    signs = " Or of any the signs of the survivors alone (signs), for --start signed."
    return click.option(
        "--theta0",
        type=click.Choice(choices),
        default=default,
        show_default=default is not None,
        help="Of a pretrained start: keep all of theta0 in the bundle (dense), or only what is not "
        "of its source, whose digest it names (reference)." + signs * ("signs" in choices),
    )


def log_option(function: F) -> F:
    """Add `--log`, which hands the command names of reporters as `log`."""
    return click.option(
        "--log",
        type=REPORTER,
        multiple=True,
        help="Record levels and curves in the run's folder while training; may be given again.",
    )(function)


def set_option(function: F) -> F:
    """Add `--set key=value`, which may be given again and again."""
    return click.option(
        "--set",
        "assignments",
        type=Assignment(),
        metavar="KEY=VALUE",
        multiple=True,
        help="Change a field of the recipe, such as training.iterations=20000.",
    )(function)


def sweep_option(function: F) -> F:
    """Add `--sweep key=value,value`, which may be given again for every combination."""
    return click.option(
        "--sweep",
        "sweeps",
        type=Assignment(),
        metavar="KEY=V1,V2",
        multiple=True,
        help="One run for each value, such as training.lr=0.001,0.01; given again, for each "
        "combination.",
    )(function)
