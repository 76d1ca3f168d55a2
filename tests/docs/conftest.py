from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

WARM = Path(__file__).resolve().parents[1] / "helpers/warm.py"


@pytest.fixture(scope="session")
def warm_ticket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What runs `ticket` without importing everything anew; see `warm`."""
    place = tmp_path_factory.mktemp("warm") / "socket"
    command = [sys.executable, str(WARM), "--serve", str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield [sys.executable, "-I", "-S", str(WARM), str(place)]


@pytest.fixture
def shim(warm_ticket: list[str]) -> str:
    """Lines for a shell that make `ticket` that."""
    return f'set -e\nticket() {{ {shlex.join(warm_ticket)} "$@"; }}\n'
