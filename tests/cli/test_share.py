"""Sharing from the command line, through a hub in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))


def test_a_push_draws_the_ladder_on_the_card_and_a_pull_brings_it(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    hub = ("--hub", str(tmp_path / "hub"))
    assert ticket("push", str(bundle), "ann/digits", *hub).code == 0
    pulled = Path(ticket("pull", "ann/digits:2", *hub, "-q").stdout.strip())
    assert (pulled / "ladder.svg").read_bytes().startswith(b"<svg ")
    assert "](ladder.svg)" in (pulled / "README.md").read_text("utf-8")
    assert ticket("verify", "--partial", str(pulled)).code == 0


def test_a_push_whose_figure_cannot_be_written_says_so_and_checks_the_rest(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    (bundle / "README.md").unlink()
    (bundle / "README.md").mkdir()
    ran = ticket("push", str(bundle), "ann/digits", "--hub", str(tmp_path / "hub"))
    assert "The card got no figure" in ran.stderr
    assert ran.code == 10
    assert "README.md" in ran.stderr
