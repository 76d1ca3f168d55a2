from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from foreign import Executed, OpenLeNet, write_open_lth

Run = Callable[..., Any]


def test_import_writes_a_bundle_that_verifies(tmp_path: Path, ticket: Run) -> None:
    source, out = tmp_path / "lottery_1/replicate_1", tmp_path / "bundle"
    write_open_lth(source, OpenLeNet(), model="mnist_lenet_12_7")
    ran = ticket("import", str(source), "--out", str(out), "--format", "json")
    assert ran.code == 0
    found = json.loads(ran.stdout)
    assert found["levels"] == [0, 1, 2]
    assert found["from"] == "open_lth"
    assert any("Accuracies were not imported" in note for note in found["notes"])
    assert ticket("verify", str(out)).code == 0


def test_a_refusal_has_its_exit_code_and_no_traceback(tmp_path: Path, ticket: Run) -> None:
    trap = tmp_path / "executed"
    torch.save({"weight": Executed(trap)}, tmp_path / "bad.pth")
    ran = ticket("import", str(tmp_path / "bad.pth"), "--out", str(tmp_path / "bundle"))
    assert ran.code == 18
    assert "Nothing in it was executed" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not trap.exists()


def test_a_shape_that_is_none_is_a_wrong_call(tmp_path: Path, ticket: Run) -> None:
    ran = ticket("import", str(tmp_path), "--out", str(tmp_path / "b"), "--input-shape", "28x28")
    assert ran.code == 2
    assert "3x32x32" in ran.stderr
