"""docs/extending.md: its blocks are files, which go through its commands as they stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TEXT = (TESTS.parent / "docs/extending.md").read_text("utf-8")
SECTIONS = re.split(r"\n(?=## )", TEXT)
EXPORTING, ENGINE = (
    next(section for section in SECTIONS if section.startswith(f"## {heading}\n"))
    for heading in ("Other systems' files", "An engine")
)
"""With files and commands of their own."""

PAGE = "\n".join(section for section in SECTIONS if section not in {EXPORTING, ENGINE})
BRIEF = "".join(
    f" --set {each}"
    for each in (
        "training.iterations=60",
        "training.evaluate_every=20",
        "search.levels=2",
        "search.trials=3",
    )
)


def ran(text: str, shim: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The commands of a text, where its files are; searches train little."""
    blocks = re.findall(r"```python\n(?:# (\w+\.py)\n)?(.*?)```", text, re.DOTALL)
    for file in {name for name, _ in blocks}:
        parts = "\n\n".join(block for name, block in blocks if name == file)
        (folder / (file or "mine.py")).write_text(parts)
    commands = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    found = subprocess.run(
        ["bash", "-c", shim + re.sub(r"(find .*?) --import", rf"\1{BRIEF} --import", commands)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found


def test_the_file_and_the_commands_work(shim: str, tmp_path: Path) -> None:
    said = ran(PAGE, shim, tmp_path).stdout
    assert re.search(r"network +my-net\ndata +my-squares", said)
    assert "VERDICT" in said
    assert re.search(r" reinit-positive +\d", said)
    (level,) = json.loads((tmp_path / "retrained/evidence.json").read_bytes())["levels"]
    assert {*level["networks"]} == {"ticket", "reinit", "reinit-positive"}
    curves = (tmp_path / "retrained/curves.csv").read_text().splitlines()
    assert len(curves) == 5 * 3 * 4  # trials, networks, readings
    assert len(re.findall(r"signs, level [12] .* survivors start above 0", said)) == 2
    table = (tmp_path / "inside/tables/signs.csv").read_text()
    assert table.startswith("level,layer,above 0\n1,body.1.weight,0.")
    assert (tmp_path / "inside/figures/signs.png").read_bytes()[:4] == b"\x89PNG"
    assert "<h2>Starting signs</h2>" in (tmp_path / "inside/analysis.html").read_text()
    told = json.loads((tmp_path / "inside/analysis.json").read_bytes())["findings"]
    assert {each["analysis"]: set(each["result"]) for each in told}["signs"] == {"positive"}


def test_an_exporter_and_an_importer_give_the_ticket_back(shim: str, tmp_path: Path) -> None:
    shutil.copytree(TESTS / "golden/format-1", tmp_path / "bundle")
    done = ran(EXPORTING, shim, tmp_path)
    assert "Read it with `numpy.load`." in done.stderr
    ids = re.findall(r"^id +(\w{64})$", done.stdout, re.MULTILINE)
    assert ids
    assert (tmp_path / "again/ticket.json").read_text("utf-8").count(ids[0]) == 1


def test_an_engine_does_a_search(shim: str, tmp_path: Path) -> None:
    said = ran(ENGINE, shim, tmp_path).stdout
    assert re.search(r"recipe +digits-quick", said)
    assert (tmp_path / "searched/bundle/ticket.json").exists()
