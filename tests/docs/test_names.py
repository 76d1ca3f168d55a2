"""A library function, its command and its page share one name."""

from __future__ import annotations

from pathlib import Path

import pytest

import ticket_hub
from ticket_hub_cli.commands import SECTIONS

PAGES = Path(__file__).resolve().parents[2] / "docs/commands"
# The service is run, and the shell is set up, from the command line only.
ONLY_COMMANDS = {"completion", "hub", "serve", "worker"}
COMMANDS = sorted({name for part in SECTIONS.values() for name in part} - ONLY_COMMANDS)


def _library(command: str) -> list[str]:
    """`find`, `list_runs`, `recipe_names`: the command's own name, or with a noun behind it."""
    stems = {f"{command}_", f"{command.removesuffix('s')}_"}
    return [n for n in ticket_hub.__all__ if n == command or n.startswith(tuple(stems))]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_a_function_and_a_page_of_its_name(command: str) -> None:
    (function,) = _library(command)
    assert callable(getattr(ticket_hub, function))
    text = (PAGES / f"{command}.md").read_text("utf-8")
    assert text.startswith(f"# {command}\n")
    assert f"`ticket {command}" in text
    assert f"`ticket_hub.{function}" in text


def test_a_page_has_a_command() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == set(COMMANDS)
