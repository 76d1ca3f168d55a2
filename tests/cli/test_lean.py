"""Commands that look at hubs and runs import what they use, and nothing that computes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"
COMPUTING = ("torch", "torchvision", "timm", "numpy", "scipy", "matplotlib", "PIL", "numba")
SELDOM = (*COMPUTING, "alembic", "jaxtyping", "jinja2", "markdown_it", "huggingface_hub", "httpx")


def imported(commands: list[list[str]], watched: tuple[str, ...]) -> list[tuple[int, list[str]]]:
    """Exit code of each command, run in one fresh process, and what was imported after it."""
    code = f"""
import json, sys
from ticket_hub_cli.main import run
for command in json.loads(sys.argv[1]):
    code = run(command)
    found = [name for name in {watched} if name in sys.modules]
    print("AFTER", json.dumps([code, found]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line for line in ran.stdout.splitlines() if line.startswith("AFTER ")]
    assert len(lines) == len(commands), ran.stderr
    return [tuple(json.loads(line.removeprefix("AFTER "))) for line in lines]


@pytest.fixture
def hub(ticket: Callable[..., Any], tmp_path: Path) -> str:
    """A hub in a folder, with one bundle."""
    bundle = shutil.copytree(GOLDEN, tmp_path / "bundle")
    assert ticket("push", str(bundle), "ann/digits", "--hub", str(tmp_path / "hub")).code == 0
    return str(tmp_path / "hub")


def test_commands_that_look_at_a_hub_compute_nothing(hub: str) -> None:
    commands = [
        ["search", "--hub", hub],
        ["info", "ann/digits", "--hub", hub],
        ["pull", "ann/digits:2", "--hub", hub],
        ["tag", "ann/digits", "v1", "--hub", hub],
        ["cache", "ls"],
        ["cache", "verify"],
        ["cache", "prune"],
        ["list"],
        ["recipes"],
        ["hub", "gc", "--hub", hub],
        ["delete", "ann/digits", "--yes", "--hub", hub],
    ]
    watched = (*COMPUTING, "huggingface_hub", "sqlalchemy", "fastapi")
    assert imported(commands, watched) == [(0, [])] * len(commands)


def test_a_hub_that_is_asked_over_the_network_is_asked_without_pytorch() -> None:
    ((code, found),) = imported(
        [["search", "--hub", "http://127.0.0.1:9"]], (*COMPUTING, "huggingface_hub")
    )
    assert (code, found) == (17, ["huggingface_hub"])


def test_commands_of_accounts_read_no_contents_and_change_no_schema(
    ticket: Callable[..., Any], own_home: Path
) -> None:
    assert ticket("hub", "user", "add", "ada").code == 0
    commands = [
        ["hub", "user", "add", "bea"],
        ["hub", "user", "list"],
        ["hub", "user", "disable", "bea"],
        ["hub", "org", "add", "lab"],
        ["hub", "org", "member", "lab", "ada"],
        ["hub", "token", "create", "ada", "--scope", "read"],
        ["hub", "token", "list"],
        ["hub", "quota", "ada", "2h"],
        ["hub", "quota"],
        ["hub", "workers"],
    ]
    watched = (*COMPUTING, "alembic", "fastapi", "starlette", "pydantic", "safetensors", "httpx")
    assert imported(commands, watched) == [(0, [])] * len(commands)


def test_the_service_waits_for_no_library_that_few_of_its_answers_need() -> None:
    code = f"import sys, ticket_hub_api.app; print([n for n in {SELDOM} if n in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
