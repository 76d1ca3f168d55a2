"""docs/extending.md: the file as it stands there goes through the commands as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs/extending.md").read_text("utf-8")
BRIEF = " --set training.iterations=60 --set training.evaluate_every=20"


def test_the_file_and_the_commands_work(shim: str, tmp_path: Path) -> None:
    (file,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (commands,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "mine.py").write_text(file)
    ran = subprocess.run(
        ["bash", "-c", shim + commands.replace(" --import", f"{BRIEF} --import", 1)],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"network +my-net\ndata +my-squares", ran.stdout)
    assert "VERDICT" in ran.stdout
