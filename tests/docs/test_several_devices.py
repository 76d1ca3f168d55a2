"""The lines of docs/several-devices.md work as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.ranks import together
from ticket_hub.bundle import verify_bundle
from ticket_hub.errors import RecipeError
from ticket_hub.exit_codes import exit_code
from ticket_hub_cli.main import run

PAGE = (Path(__file__).resolve().parents[2] / "docs/several-devices.md").read_text("utf-8")
TORCHRUN = "torchrun --standalone --nproc-per-node 2 -m ticket_hub "
SHORT = "--set training.iterations=20"


LINES = re.findall(r"```sh\n(.*?)\n```", PAGE, re.DOTALL)


def command() -> str:
    line, _ = LINES
    assert line.startswith(TORCHRUN)
    return f"{str(line).removeprefix(TORCHRUN)} {SHORT}"


@pytest.mark.usefixtures("forked_processes")
def test_the_command_finds_tickets_on_an_engine_by_two_processes(tmp_path: Path) -> None:
    _, line = LINES
    assert run([*line.split()[1:], *SHORT.split(), "--out", str(tmp_path / "run")]) == 0
    assert '"processes": "2"' in (tmp_path / "run/environment.json").read_text()


def test_the_command_finds_tickets_on_two_processes(tmp_path: Path) -> None:
    first, second = together("-m", "ticket_hub", *command().split(), folder=tmp_path)
    assert first[0] == second[0] == 0
    assert "TEST ACCURACY" in first[1]
    assert second[1] == "", "the first process alone writes"
    assert verify_bundle(tmp_path / "run/bundle").holds
    assert '"processes": "2"' in (tmp_path / "run/environment.json").read_text()


def test_the_program_finds_tickets_on_two_processes(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    quick = code.replace('"search.levels"', '"training.iterations": 20, "search.levels"')
    (tmp_path / "program.py").write_text(quick)
    ended = together(tmp_path / "program.py", folder=tmp_path)
    assert ended == [(0, "run/bundle\n"), (0, "")]


def test_what_is_wrong_is_said_by_the_first_process_alone(tmp_path: Path) -> None:
    arguments = ["find", "digits-quick", "--set", "training.backend=stack", "--out", "run"]
    first, second = together("-m", "ticket_hub", *arguments, folder=tmp_path)
    assert first[0] == second[0] == exit_code(RecipeError("", ""))
    assert first[1] == second[1] == ""


@pytest.mark.slow
def test_torchrun_itself_starts_it(tmp_path: Path) -> None:
    line = f"-m torch.distributed.run {TORCHRUN.removeprefix('torchrun ')} {command()}"
    ran = subprocess.run(
        [sys.executable, *line.split()],
        cwd=tmp_path,
        env={**os.environ, "TICKET_HOME": str(tmp_path / "tickets")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "TEST ACCURACY" in ran.stdout
