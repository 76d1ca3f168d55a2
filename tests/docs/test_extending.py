"""docs/extending.md: the file as it stands there goes through the commands as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs/extending.md").read_text("utf-8")
BRIEF = " --set training.iterations=60 --set training.evaluate_every=20"


def test_the_file_and_the_commands_work(shim: str, tmp_path: Path) -> None:
    for name, file in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).write_text(file)
    commands = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
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
    assert len(re.findall(r"signs, level [12] .* survivors start above 0", ran.stdout)) == 2
    table = (tmp_path / "inside/tables/signs.csv").read_text()
    assert table.startswith("level,layer,above 0\n1,body.1.weight,0.")
    assert (tmp_path / "inside/figures/signs.png").read_bytes()[:4] == b"\x89PNG"
    assert "<h2>Starting signs</h2>" in (tmp_path / "inside/analysis.html").read_text()
    told = json.loads((tmp_path / "inside/analysis.json").read_bytes())["findings"]
    assert {each["analysis"]: set(each["result"]) for each in told}["signs"] == {"positive"}
