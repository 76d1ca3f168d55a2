from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ticket_hub.errors import RunLockedError
from ticket_hub.runs.lock import hold, is_held

HOLD = """
import sys, pathlib
from ticket_hub.runs.lock import hold
with hold(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_holder(path: Path) -> subprocess.Popen[bytes]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    return holder


def test_a_second_process_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    with start_holder(tmp_path / "lock") as holder:
        with pytest.raises(RunLockedError, match=f"process {holder.pid} "), hold(tmp_path / "lock"):
            pass
        assert is_held(tmp_path / "lock")
        holder.communicate(b"")


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    with start_holder(tmp_path / "lock") as holder:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    assert not is_held(tmp_path / "lock")
    with hold(tmp_path / "lock"):
        assert is_held(tmp_path / "lock")
    assert not is_held(tmp_path / "lock")


def test_a_lock_that_was_never_taken_is_free(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "lock")
