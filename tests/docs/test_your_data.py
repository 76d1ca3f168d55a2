"""docs/your-data.md: a user's day, from nothing to a pushed ticket with a verdict, as it stands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ticket_hub import Ticket, open_bundle, pull_bundle

PAGE = (Path(__file__).resolve().parents[2] / "docs/your-data.md").read_text("utf-8")
BRIEF = {"training.iterations": 20, "training.evaluate_every": 10}


def block(title: str, kind: str) -> str:
    """The first block of a section; what people would type is at most ten lines, or three."""
    section = PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    found = re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL)
    assert found
    typed = [line for line in found[1].splitlines() if line.strip()]
    assert len(typed) <= {"sh": 3, "python": 10}[kind]
    return found[1]


def check_shared(folder: Path, repo: str, kind: str) -> None:
    """The hub has the bundle with its verdict, and anybody builds the network from it."""
    pulled = pull_bundle(repo, hub=folder / "shared", cache_dir=folder / "theirs").folder
    (experiment,) = open_bundle(pulled).experiments()
    assert experiment.who == "Ann"
    (verdict,) = experiment.verdicts().values()
    assert (verdict.n, len(verdict.comparisons)) == (3, 2)
    assert f"pipeline_tag: {kind}-classification" in (pulled / "README.md").read_text("utf-8")
    assert 0 < Ticket.load(pulled).density < 1


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TICKET_DATA", str(tmp_path / "data"))
    return tmp_path


def test_a_folder_of_pictures_in_three_commands(shim: str, day: Path) -> None:
    generator = np.random.default_rng(0)
    for label, shade in {"dark": 60, "light": 160}.items():
        (day / "pictures" / label).mkdir(parents=True)
        for number in range(60):
            size = (17 + number % 3, 16, 3)
            pixels = generator.integers(shade, shade + 90, size, dtype=np.uint8)
            Image.fromarray(pixels).save(day / "pictures" / label / f"{number}.png")
    brief = " ".join(f"--set {key}={value}" for key, value in BRIEF.items())
    script = block("A folder of pictures", "sh").replace(
        "--levels", f"{brief} --set network.name=lenet-8 --set training.backend=stack --levels"
    )
    done = subprocess.run(
        ["bash", "-c", shim + script], cwd=day, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "VERDICT" in done.stdout
    check_shared(day, "ann/pictures", "image")


@pytest.mark.parametrize(
    ("title", "repo", "kind"),
    [("A table", "ann/flowers", "tabular"), ("A list of sentences", "ann/texts", "text")],
)
def test_a_table_and_sentences_in_ten_lines(
    title: str, repo: str, kind: str, day: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = np.random.default_rng(0).normal(size=(150, 4))
    species = [("iris", "rose", "tulip")[int(row[0] > 0) + int(row[1] > 0)] for row in rows]
    table = [",".join(map("{:.3f}".format, row)) for row in rows]
    lines = [f"{row},{name}\n" for row, name in zip(table, species, strict=True)]
    (day / "flowers.csv").write_text("a,b,c,d,label\n" + "".join(lines))
    texts = [
        f"{('good', 'bad')[i % 2]}\ta {('fine', 'dull')[i % 2]} film {i}\n" for i in range(120)
    ]
    (day / "sentences.txt").write_text("".join(texts))
    brief = ", ".join(f'"{key}": {value}' for key, value in BRIEF.items())
    program = block(title, "python").replace("changes={", f"changes={{{brief}, ")
    exec(compile(program, "your_data.py", "exec"), {"__name__": "your_data"})
    assert "n = 3 tickets" in capsys.readouterr().out
    check_shared(day, repo, kind)
