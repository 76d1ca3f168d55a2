from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ticket_hub_cli.main import run

SMALL = ["--set", "training.iterations=40", "--set", "training.evaluate_every=20"]
SMALL += ["--trials", "3", "--levels", "1", "--format", "json"]


@pytest.mark.usefixtures("forked_processes")
def test_the_same_command_on_an_engine_gives_the_same_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for name, engine in (("here", []), ("there", ["--engine", "local"])):
        slots = ["--engine-option", "slots=2"] if engine else []
        out = ["--out", str(tmp_path / name), "--log", "jsonl"]
        assert run(["find", "digits-quick", *SMALL, *out, *engine, *slots]) == 0
        told = capsys.readouterr()
        found.append(json.loads(told.out))
    assert found[0]["levels"] == found[1]["levels"]
    densities = [each["density"] for each in found[0]["levels"]]
    here, there = (events(tmp_path / name) for name in ("here", "there"))
    assert [each["density"] for each in here if each["event"] == "level"] == densities
    curves = [(each["level"], each["iteration"]) for each in here if each["event"] == "progress"]
    assert sorted(curves) == sorted((level, at) for level in (0, 1) for at in (0, 20, 40) * 3)
    works = {each["work"] for each in there if each["event"] == "level"}
    assert works == {"trial 0:", "trials 1 to 2:"}
    assert "trials 1 to 2: level 1: " in told.err


def events(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_options_of_an_engine_need_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["find", "digits-quick", "--engine-option", "slots=2"]) == 2
    assert "name one with --engine" in capsys.readouterr().err
    assert run(["find", "digits-quick", "--engine", "local", "--engine-option", "slots"]) == 2
    assert "is not KEY=VALUE" in capsys.readouterr().err


def test_an_unknown_option_of_an_engine_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["find", "digits-quick", "--engine", "local", "--engine-option", "gpus=2"]) == 20
    assert "The engine local has no option 'gpus'" in capsys.readouterr().err
