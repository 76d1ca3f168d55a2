"""Compiling takes seconds on an idle machine, and gives way to somebody who wants to stop."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")
STOP = """
import time
from ticket_hub.errors import StoppedError
from ticket_hub.training.sparse.compile_kernels import compile_apart
began = time.process_time()
try:
    compile_apart(lambda: True)
except StoppedError:
    print(time.process_time() - began < 5)
"""


def test_a_stop_does_not_wait_for_the_compiler(tmp_path: Path) -> None:
    """Nothing is in this cache: to compile takes some seven seconds of a processor."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", STOP], capture_output=True, text=True, env=environment, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "True\n"), ran.stderr
    assert not list(tmp_path.rglob("*.nbi"))


COMPILE = """
from ticket_hub.training.sparse.compile_kernels import compile_apart, main
compile_apart(lambda: False)
compile_apart(lambda: 1 / 0)
from numba.core import event
compiled = []
class Listener(event.Listener):
    def on_start(self, event): compiled.append(event)
    def on_end(self, event): pass
with event.install_listener("numba:run_pass", Listener()):
    main()
print(len(compiled))
"""


@pytest.mark.slow
def test_what_was_compiled_apart_is_read_and_not_compiled_again(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", COMPILE],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "0\n"), ran.stderr
