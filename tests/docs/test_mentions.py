"""Commands that texts advise exist as written: in documents, pages, errors and hints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import ticket_hub
import ticket_hub_api
from ticket_hub_cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
_ADVICE = re.compile(
    r"""
      `ticket\ ([^`{}\n]+)                    # up to what code fills in
    | copyable\("ticket\ ([^"]+)"             # of a page
    | ^(?:\$|\ {4})\ ?ticket\ (?!=)([^\n\\{]+)  # of a block in a document
    """,
    re.VERBOSE | re.MULTILINE,
)
_OPTION = re.compile(r"(?<![\w\[-])--?[a-z][a-z-]*")


def sources() -> list[Path]:
    homes = [Path(str(package.__file__)).parent for package in (ticket_hub, ticket_hub_api)]
    homes.append(Path(str(cli.callback.__code__.co_filename)).parent)  # type: ignore[union-attr]
    code = [path for home in homes for kind in ("py", "html") for path in home.rglob(f"*.{kind}")]
    pages = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")]
    return sorted(code + pages)


def advised() -> Iterator[tuple[str, str]]:
    """Every advised command line, and where it stands."""
    for path in sources():
        for match in _ADVICE.finditer(path.read_text("utf-8")):
            yield next(filter(None, match.groups())), path.name


def options_of(command: click.Command, context: click.Context) -> set[str]:
    named = {each for p in command.get_params(context) for each in (*p.opts, *p.secondary_opts)}
    return {each for each in named if each.startswith("-")}


def resolved(words: list[str]) -> tuple[click.Command, click.Context]:
    """The innermost command that the words name; unknown, it raises KeyError."""
    command: click.Command = cli
    context = click.Context(cli, info_name="ticket", **cli.context_settings)
    for word in words:
        if not isinstance(command, click.Group) or word.startswith("-"):
            break
        found = command.get_command(context, word)
        if found is None:
            raise KeyError(word)
        command, context = found, click.Context(found, parent=context, info_name=word)
    return command, context


@pytest.mark.parametrize(("line", "_file"), sorted(set(advised())))
def test_an_advised_command_exists_with_its_options(line: str, _file: str) -> None:
    command, context = resolved(line.split())
    known = options_of(command, context) | {"-h", "--help", "--version"}
    assert set(_OPTION.findall(line)) <= known


def test_there_is_advice_to_look_at() -> None:
    assert len(list(advised())) > 100
