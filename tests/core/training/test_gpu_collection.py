"""The tests marked `gpu` are for machines that have PyTorch, and little else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
WITHOUT = """
import json, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Missing())
"""


def lacking() -> list[str]:
    """What the extras bring, as far as no bundle for such a machine does."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [one for extra in project["optional-dependencies"].values() for one in extra]
    named = {re.split(r"[^\w-]", one)[0] for one in extras}
    bundle = re.search(r"GPU_LACKS := (.*)", (CHECKOUT / "Makefile").read_text("utf-8"))
    assert bundle is not None
    return sorted(name.replace("-", "_") for name in named - {*bundle[1].split(), "ticket-hub"})


@pytest.mark.slow  # a process that imports PyTorch and the tests anew
def test_they_are_collected_without_what_the_extras_bring(tmp_path: Path) -> None:
    names = lacking()
    assert {"sqlalchemy", "fastapi", "numba", "torch_pruning"} <= set(names)
    (tmp_path / "without_extras.py").write_text(WITHOUT.format(names=json.dumps(names)), "utf-8")
    asked = "-m pytest -p without_extras -m gpu --co -q -n0 tests/core"
    ran = subprocess.run(
        [sys.executable, *asked.split()],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
    assert "test_gpu.py::test_no_step_waits_for_the_device" in ran.stdout
