"""`ticket` commands in the process of the tests: for what they do, not for how they start."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from ticket_hub_cli.main import run

__all__ = ["Ran", "run_ticket"]


@dataclass(frozen=True)
class Ran:
    """What one command line left behind."""

    code: int
    stdout: str
    stderr: str


def run_ticket(*arguments: str) -> Ran:
    """Run `ticket ARGUMENTS`."""
    with redirect_stdout(io.StringIO()) as stdout, redirect_stderr(io.StringIO()) as stderr:
        code = run(arguments)
    assert "Traceback" not in stderr.getvalue()
    return Ran(code, stdout.getvalue(), stderr.getvalue())
