"""What `ticket hub`, `serve` and `worker` share: which hub is meant, and the way to its service."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar, cast

import click

from ticket_hub.errors import HubError
from ticket_hub.project import install_extra
from ticket_hub_cli.options import EndsWithExamples

__all__ = [
    "CommandGroup",
    "HubSettings",
    "duration",
    "hub_options",
    "operation",
    "seconds",
    "settings_from",
    "with_hub",
]

F = TypeVar("F", bound=Callable[..., Any])
HubSettings: TypeAlias = Any
"""The settings of a hub: a type of the service, which the command line must not import."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"(\d{1,6})([smhdw])")


class CommandGroup(EndsWithExamples, click.Group):
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
            f"Install it with `{install_extra('serve')}`.",
        ) from error


def hub_options(function: F) -> F:
    """Add `--database` and `--storage`."""
    function = click.option(
        "--storage", default="", metavar="URL", help="Folder or URL (s3://...) of the blobs."
    )(function)
    return click.option(
        "--database", default="", metavar="URL", help="Database, such as postgresql://user@host/db."
    )(function)


def settings_from(where: Mapping[str, str], **changes: object) -> HubSettings:
    """The hub that the options and the environment name."""
    return operation().settings_of(where["database"], where["storage"], **changes)


def with_hub(function: F) -> F:
    """Add the options that name a hub, and hand the command its settings as `hub`."""

    @hub_options
    @functools.wraps(function)
    def opened(
        *arguments: Any,  # noqa: ANN401 - whatever the command takes
        database: str,
        storage: str,
        **values: Any,  # noqa: ANN401 - whatever the command takes
    ) -> Any:  # noqa: ANN401 - and gives
        """Call the command with the hub's settings."""
        where = {"database": database, "storage": storage}
        return function(*arguments, hub=settings_from(where), **values)

    return cast("F", opened)


def seconds(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    """What an option takes: a duration in seconds."""
    return None if text is None else duration(text)


def duration(text: str) -> int:
    """`30d`, `12h`, `90m` in seconds.

    Raises:
        click.BadParameter: it is written in another way.
    """
    match = _SPAN.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not like 30d, 12h or 90m.")
    return int(match[1]) * _UNITS[match[2]]
