"""The interpreter that most processes of the tests are forked from behaves as a new one would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers import forked

PROGRAM = """
import os, sys
sys.path.insert(0, "mine")
print(sys.argv[1:], os.environ["WORD"], os.getcwd(), sys.stdin.read(), flush=True)
print("warning", file=sys.stderr)
if "raise" in sys.argv: raise RuntimeError("as said")
sys.exit(7)
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-c", PROGRAM, "a b", ""], 7),
        (["-P", "-c", PROGRAM], 7),
        (["program.py", "x"], 7),
        (["-m", "program", "y"], 7),
        (["-c", PROGRAM, "raise"], 1),
        (["-W", "ignore", "-c", PROGRAM], 7),
        (["-c", "import sys; sys.exit('no')"], 1),
        (["-c", "import os; os.kill(os.getpid(), 9)"], -9),
        (["-m", "ticket_hub_cli", "show", "nowhere"], 11),
    ],
)
def test_it_ends_and_says_what_python_does(arguments: list[str], code: int, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    results = [
        subprocess.run(
            [python, *arguments],
            cwd=tmp_path,
            env={**os.environ, "WORD": "open"},
            input="said",
            capture_output=True,
            text=True,
            check=False,
        )
        for python in (forked.python(), sys.executable)
    ]
    assert [ran.returncode for ran in results] == [code, code]
    assert results[0].stdout == results[1].stdout
    assert results[0].stderr.splitlines()[-1:] == results[1].stderr.splitlines()[-1:]


def test_it_has_the_open_files_that_it_was_given() -> None:
    reader, writer = os.pipe()
    code = f"import os; os.write({writer}, b'heard')"
    with subprocess.Popen([forked.python(), "-c", code], pass_fds=[writer]):
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            assert pipe.read() == b"heard"  # and nobody else keeps the pipe open


def test_signals_reach_it_and_it_ends_with_its_caller() -> None:
    code = (
        "import os, signal, time; signal.signal(signal.SIGTERM, lambda *_: print('asked',"
        " flush=True)); print(os.getpid(), flush=True); [time.sleep(1) for _ in range(600)]"
    )
    with subprocess.Popen([forked.python(), "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        number = int(process.stdout.readline())
        assert forked.fork_of(process.pid) == number
        process.terminate()
        assert process.stdout.readline() == b"asked\n"
        process.kill()
        assert process.wait() == -signal.SIGKILL
    end = time.monotonic() + 60
    while Path(f"/proc/{number}").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
