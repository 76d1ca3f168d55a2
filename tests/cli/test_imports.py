from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.helpers.foreign import Executed, OpenLeNet, random_state, write_google, write_open_lth
from ticket_hub.networks import build
from ticket_hub.types import Architecture

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


def test_a_network_may_have_options(tmp_path: Path, ticket: Run) -> None:
    network = Architecture(
        name="resnet-8", options=(("width", 4),), channels=3, height=8, width=8, classes=5
    )
    theta0 = random_state(build(network), 0)
    torch.save(theta0, tmp_path / "theta0.pth")
    torch.save({"output.weight": torch.zeros(5, 16)}, tmp_path / "m.pth")
    named = ("--network", "resnet-8", "--input-shape", "3x8x8", "--classes", "5")
    files = (str(tmp_path / "theta0.pth"), "--mask", str(tmp_path / "m.pth"))
    width = ("--network-option", "width=4", "--out", str(tmp_path / "bundle"))
    assert ticket("import", *files, *named, *width).code == 0
    wrong = ("--network-option", "width", "--out", str(tmp_path / "other"))
    ran = ticket("import", *files, *named, *wrong)
    assert ran.code == 2
    assert "--network-option" in ran.stderr


def test_show_lists_what_is_not_known(tmp_path: Path, ticket: Run) -> None:
    write_google(tmp_path / "trial1", sizes=(16, 3, 4), levels=2)
    bundle = str(tmp_path / "bundle")
    assert ticket("import", str(tmp_path / "trial1"), "--out", bundle).code == 0
    told = ticket("show", bundle, "--format", "json")
    assert {"data", "training", "pruning", "seeds"} <= set(json.loads(told.stdout)["unknown"])
    shown = ticket("show", bundle).stdout
    assert "not known" in shown
    rows = [line.split() for line in shown.splitlines() if line.lstrip()[:1] in {"0", "1"}]
    assert [row[0::2] for row in rows] == [["0", "-", "-"], ["1", "-", "-"]], shown


def test_the_advice_for_an_unknown_folder_names_the_option_that_there_is(
    tmp_path: Path, ticket: Run
) -> None:
    (tmp_path / "empty").mkdir()
    ran = ticket("import", str(tmp_path / "empty"), "--out", str(tmp_path / "bundle"))
    assert ran.code == 18
    assert "--from" in ran.stderr
    assert "--format" not in ran.stderr
