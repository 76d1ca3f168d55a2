"""docs/extending.md: its blocks are files, which go through its commands as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs/extending.md").read_text("utf-8")
BRIEF = "".join(
    f" --set {each}"
    for each in (
        "training.iterations=60",
        "training.evaluate_every=20",
        "search.levels=2",
        "search.trials=3",
    )
)


def test_the_file_and_the_commands_work(shim: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(?:# (\w+\.py)\n)?(.*?)```", PAGE, re.DOTALL)
    for file in {name for name, _ in blocks}:
        text = "\n\n".join(block for name, block in blocks if name == file)
        (tmp_path / (file or "mine.py")).write_text(text)
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
    assert re.search(r" reinit-positive +\d", ran.stdout)
    (level,) = json.loads((tmp_path / "retrained/evidence.json").read_bytes())["levels"]
    assert {*level["networks"]} == {"ticket", "reinit", "reinit-positive"}
    assert len(re.findall(r"signs, level [12] .* survivors start above 0", ran.stdout)) == 2
    table = (tmp_path / "inside/tables/signs.csv").read_text()
    assert table.startswith("level,layer,above 0\n1,body.1.weight,0.")
    assert (tmp_path / "inside/figures/signs.png").read_bytes()[:4] == b"\x89PNG"
    assert "<h2>Starting signs</h2>" in (tmp_path / "inside/analysis.html").read_text()
    told = json.loads((tmp_path / "inside/analysis.json").read_bytes())["findings"]
    assert {each["analysis"]: set(each["result"]) for each in told}["signs"] == {"positive"}
