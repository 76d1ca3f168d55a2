"""The lines of docs/engines.md work as they stand there, and its tables are complete."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from ticket_hub.engines.choice import ENGINES
from ticket_hub.engines.local import OPTIONS as LOCAL
from ticket_hub.engines.ray import OPTIONS as RAY
from ticket_hub.engines.slurm import OPTIONS as SLURM

PAGE = (Path(__file__).resolve().parents[2] / "docs/engines.md").read_text("utf-8")


def test_the_commands_run(shim: str, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    (commands,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    less = "--set training.iterations=60 --set training.backend=stack"  # which compiles nothing
    quick = commands.replace("digits-quick -", f"digits-quick {less} -")
    ran = subprocess.run(
        ["bash", "-c", shim + quick],
        cwd=tmp_path,
        env={**os.environ, "TICKET_HOME": str(tmp_path / "tickets")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "trials 2 to 3: level 2: " in ran.stderr
    assert "level 2, reinit, trial 2: " in ran.stderr
    assert "VERDICT" in ran.stdout


def test_every_engine_and_option_is_there() -> None:
    assert [name for name in ENGINES if f"| `{name}` |" not in PAGE] == []
    for name, options in (("local", LOCAL), ("ray", RAY), ("slurm", SLURM)):
        section = PAGE.split(f"\n## {name}\n", 1)[1].split("\n## ", 1)[0]
        assert [key for key in options if f"`{key}`" not in section] == []
