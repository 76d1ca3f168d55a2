"""A user's own defaults of options: `config.toml` in the platform's folder for settings.

    hub = "https://tickets.example.org"     # for every command that has --hub
    workers = 4
    import = ["~/mine/networks.py"]

    [find]                                  # for this command alone
    log = ["jsonl"]

The command line is before the environment, that before the file, and that before what is built in.
"""

from __future__ import annotations

import importlib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ticket_hub import home
from ticket_hub.errors import StorageError
from ticket_hub.registry import nearest

__all__ = ["config_path", "defaults_for", "described", "origin_of"]

ENVIRONMENT = {
    "data-dir": ("TICKET_DATA",),
    "hub": ("TICKET_HUB", "HF_ENDPOINT"),
    "import": ("TICKET_IMPORT",),
}
"""Options that variables stand for, which are before the file."""


def config_path() -> Path | None:
    """The file that `TICKET_CONFIG` names, else the user's own where there is one.

    Raises:
        UsageError: the file that is named is not there. An empty name is none.
    """
    named = os.environ.get("TICKET_CONFIG")
    if named == "":
        return None
    try:
        path = home.config_file()
    except StorageError:  # nobody has a home here
        return None
    if path.is_file():
        return path
    if named:
        raise click.UsageError(
            f"TICKET_CONFIG names {path}, where there is no file. Make it, or unset TICKET_CONFIG."
        )
    return None


@dataclass(frozen=True)
class ConfigFile:
    """What a user's file says.

    Attributes:
        path: of the file.
        table: its keys: options, or a command with options of its own.
    """

    path: Path
    table: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> ConfigFile:
        """What a file says.

        Raises:
            UsageError: it cannot be read, or is no TOML.
        """
        try:
            return cls(path, tomllib.loads(path.read_text("utf-8")))
        except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
            raise click.UsageError(f"{path} cannot be read as TOML: {error}.") from error

    @property
    def general(self) -> Mapping[str, Any]:
        """What is said of every command that has such an option."""
        return {key: value for key, value in self.table.items() if not isinstance(value, dict)}

    def own(self, name: str) -> Mapping[str, Any]:
        """What is said of one command; `hub` and `import` are options, too, with other values."""
        found = self.table.get(name)
        return found if isinstance(found, dict) else {}

    def check(self, name: str, command: click.Command, commands: Mapping[str, str]) -> None:
        """Refuse keys that are no option and no command.

        Args:
            name, command: the one that is called.
            commands: all: name -> module, which is imported only where a key is of another one.

        Raises:
            UsageError: there is such a key; the nearest that would do is named.
        """
        known = set(_option_names(command))
        for key in self.own(name):
            self._refuse_unless(key, known, f"`ticket {name}` has no option")
        for key in self.table.keys() - self.general.keys():
            self._refuse_unless(key, set(commands), "there is no command")
        if self.general.keys() <= known:
            return
        for module in commands.values():
            known |= set(_option_names(importlib.import_module(module).command))
        for key in self.general:
            self._refuse_unless(key, known, "no command has an option")

    def _refuse_unless(self, key: str, known: set[str], problem: str) -> None:
        if key not in known:
            near = nearest(key, sorted(known))
            raise click.UsageError(f"{self.path}: {problem} {key!r}. The nearest is {near!r}.")

    def defaults(self, command: click.Command, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a command's options, by the names of its parameters."""
        if isinstance(command, click.Group):
            return {name: self.defaults(each, values) for name, each in command.commands.items()}
        found: dict[str, Any] = {}
        for option in _options(command):
            for key in _names(option):
                if key in values and not any(map(os.environ.get, ENVIRONMENT.get(key, ()))):
                    assert option.name is not None
                    found[option.name] = self._value(key, option, values[key])
        return found

    def _value(self, key: str, option: click.Option, value: Any) -> Any:  # noqa: ANN401 - of TOML
        several = value if isinstance(value, list) else [value]
        if len(several) != 1 and not option.multiple:
            raise click.UsageError(f"{self.path}: {key!r} takes one value, not {len(several)}.")
        shown = [_in_home(each) for each in several]
        return shown if option.multiple else shown[0]


def defaults_for(
    name: str, command: click.Command, commands: Mapping[str, str]
) -> dict[str, Any] | None:
    """What the user's file says of a command's options, as click takes its `default_map`.

    Args:
        name: the command's.
        command: itself, or a group.
        commands: all commands: name -> module.

    Raises:
        UsageError: the file cannot be read, or has a key that is no option or no command.
    """
    path = config_path()
    if path is None:
        return None
    file = ConfigFile.read(path)
    file.check(name, command, commands)
    return file.defaults(command, {**file.general, **file.own(name)})


def _in_home(value: Any) -> Any:  # noqa: ANN401 - of TOML
    is_path = isinstance(value, str) and value.startswith("~")
    return str(home.expanded(value)) if is_path else value


def _option_names(command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from _option_names(each)
    for option in _options(command):
        yield from _names(option)


def _options(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


def _names(option: click.Option) -> list[str]:
    """`data-dir` of `--data-dir`."""
    return [text[2:] for text in (*option.opts, *option.secondary_opts) if text.startswith("--")]


def described(ctx: click.Context) -> list[tuple[str, str]]:
    """What help says that the file sets of a command's options."""
    given = ctx.default_map or {}
    return [
        (f"--{_names(option)[0]}", str(given[option.name]))
        for option in _options(ctx.command)
        if option.name in given and _names(option)
    ]


def origin_of(error: click.ClickException) -> str:
    """Where a value that is refused came from, where that is the file; else empty."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or error.param is None:
        return ""
    source = error.ctx.get_parameter_source(error.param.name or "")
    if source is not click.core.ParameterSource.DEFAULT_MAP:
        return ""
    return f"The value is from {config_path()}, not from the command line."
