"""The ladder on a bundle's card."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ticket_hub.bundle import content_of, open_bundle, verify_bundle, write_bundle
from ticket_hub.bundle.figure import check
from ticket_hub.comparison.ladder import MeasuredLadder
from ticket_hub.errors import RunLockedError
from ticket_hub.report.figures import ladder_figure
from ticket_hub.report.illustrate import card_figure, illustrate_bundle, inert_svg
from ticket_hub.report.learning import curves_figure
from ticket_hub.runs.lock import hold

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"

DRAW = """
import sys
from pathlib import Path
from ticket_hub.bundle import open_bundle
from ticket_hub.report.illustrate import card_figure
sys.stdout.buffer.write(card_figure(open_bundle(Path(sys.argv[1]))))
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "run/bundle"))


def test_a_bundle_gets_its_ladder_once(bundle: Path) -> None:
    assert illustrate_bundle(bundle)
    assert "](ladder.svg)" in (bundle / "README.md").read_text("utf-8")
    assert verify_bundle(bundle).holds
    before = {path: path.stat().st_mtime_ns for path in bundle.rglob("*")}
    assert not illustrate_bundle(bundle)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_the_same_evidence_gives_the_same_bytes_in_every_process() -> None:
    drawn = [
        subprocess.run(
            [sys.executable, "-c", DRAW, str(GOLDEN)],
            check=True,
            capture_output=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert drawn == [card_figure(open_bundle(GOLDEN))] * 2


def test_figures_are_small_and_only_lines_and_shapes(ladder: MeasuredLadder) -> None:
    for figure in (ladder_figure(ladder), curves_figure(ladder)):
        data = inert_svg(figure).encode()
        check(data)
        assert len(data) < 100_000
        assert data.count(b"<path") > 20


def test_nothing_is_drawn_where_nothing_was_measured(tmp_path: Path) -> None:
    content = content_of(open_bundle(GOLDEN))
    levels = tuple(dataclasses.replace(each, curves=(), backends=()) for each in content.levels)
    write_bundle(tmp_path, dataclasses.replace(content, levels=levels))
    assert not illustrate_bundle(tmp_path)
    assert not (tmp_path / "ladder.svg").exists()


def test_the_bundle_of_a_run_is_not_touched_while_a_search_works_on_it(bundle: Path) -> None:
    (bundle.parent / "run.json").write_text("{}")
    with hold(bundle.parent / "lock"), pytest.raises(RunLockedError):
        illustrate_bundle(bundle)
    assert not (bundle / "ladder.svg").exists()
    assert illustrate_bundle(bundle)
