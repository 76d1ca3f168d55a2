from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ticket_hub_cli.main import run


@dataclass(frozen=True)
class Ran:
    """What one command line left behind."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture
def ticket(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `ticket ARGUMENTS` in this process."""

    def call(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run(arguments)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call
