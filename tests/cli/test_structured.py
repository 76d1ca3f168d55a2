"""Units and n:m through the commands: a plan, a search, its files, and what they cost."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.commands import Ran, run_ticket
from ticket_hub.structured.dependencies import structure_of

SHORT = [
    *("--set", "network.name=lenet-20-10", "--set", "training.iterations=8"),
    *("--set", "training.evaluate_every=4", "--set", "training.backend=stack", "--trials", "1"),
]
UNITS = [*SHORT, "--set", "pruning.granularity=unit", "--set", "pruning.rates={fc=0.5}"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two rounds that halve the units."""
    place = tmp_path_factory.mktemp("units") / "run"
    ran: Ran = run_ticket("find", "digits-quick", *UNITS, "--levels", "2", "--out", str(place))
    assert ran.code == 0, ran.stderr
    return place


def test_the_plan_says_what_rows_and_columns_will_be_left(ticket: Callable[..., Any]) -> None:
    ran = ticket("find", "digits-quick", *UNITS, "--levels", "2", "--dry-run", "--format", "json")
    plan = json.loads(ran.stdout)
    assert [(row["layer"], row["kept"], row["is_pruned"]) for row in plan["layers"]] == [
        ("hidden.0.weight", [64 * 20, 64 * 10, 64 * 5], True),
        ("hidden.1.weight", [20 * 10, 10 * 5, 5 * 3], True),
        ("output.weight", [10 * 10, 5 * 10, 3 * 10], True),
    ]


def test_what_was_planned_is_found_and_found_again(run: Path, ticket: Callable[..., Any]) -> None:
    again = ticket(
        "find", "digits-quick", *UNITS, "--levels", "2", "--out", str(run), "--format", "json"
    )
    levels = json.loads(again.stdout)["levels"]
    size = 1280 + 200 + 100
    assert [round(each["density"] * size) for each in levels] == [size, 740, 365]
    shown = ticket("show", f"{run}:2")
    assert shown.code == 0
    assert "hidden.0.weight" in shown.stdout
    assert "expected to match their `reinit` control" in (run / "bundle/README.md").read_text()


def test_a_ticket_of_units_is_exported_small_and_measured(
    run: Path, ticket: Callable[..., Any], tmp_path: Path
) -> None:
    assert ticket("export", f"{run}:2", "--to", "small", "--out", str(tmp_path / "small")).code == 0
    record = json.loads((tmp_path / "small/structure.json").read_text())
    assert [len(each) for each in record["kept"]["hidden.1.weight"].values()] == [3, 5]
    ran = ticket("measure", f"{run}:2", "--format", "json")
    rows = json.loads(ran.stdout)
    forms = ["dense", "masked", "small", "csr", "onnx", "small-onnx"]
    assert [row["form"] for row in rows] == forms
    small = 365 + 5 + 3 + 10
    assert [row["macs"] for row in rows] == [1580, 1580, 365, 365, 1580, 365]
    assert [row["parameters"] for row in rows] == [1620, 1620, small, 365 + 40, 1620, small]
    assert rows[4]["machine"]["onnxruntime"]
    assert all(row["low"] <= row["milliseconds"] <= row["high"] for row in rows)
    assert all(row["machine"]["device"] and row["runs"] == 20 for row in rows)
    assert "No unit is dead" not in ran.stderr


def test_what_was_measured_is_kept_and_shown_with_its_machine(
    run: Path, ticket: Callable[..., Any], tmp_path: Path
) -> None:
    import shutil

    copy = tmp_path / "bundle"
    shutil.copytree(run / "bundle", copy)
    kept = ticket("measure", f"{copy}:0", "--keep")
    assert kept.code == 0, kept.stderr
    assert "It is kept with the tickets" in kept.stderr
    assert "No unit is dead" not in kept.stderr  # where nothing is pruned
    costs = json.loads(ticket("show", str(copy), "--format", "json").stdout)["costs"]
    assert {(row["level"], row["form"]) for row in costs} >= {(0, "dense"), (0, "small")}
    assert all("1 thread, torch" in row["where"] and row["runs"] == 20 for row in costs)
    shown = ticket("show", str(copy))
    assert "What they cost" in shown.stdout
    assert ticket("verify", str(copy)).code == 0
    refused = ticket("measure", "builtin:digits", "--keep")
    assert refused.code != 0
    assert "stays as its hub has it" in refused.stderr


def test_without_torch_pruning_the_smaller_network_is_left_out_with_the_reason(
    run: Path, ticket: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    structure_of.cache_clear()
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch_pruning" else there(name)
    )
    ran = ticket("measure", f"{run}:2")
    assert ran.code == 0, ran.stderr
    assert "small" not in ran.stdout
    assert "csr" in ran.stdout
    assert "The smaller network is left out: torch-pruning must be installed" in ran.stderr
    assert "pip install 'torch-pruning>=" in ran.stderr


def test_a_search_by_units_trains_what_is_left_and_records_it(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    words = [
        *("--set", "network.name=resnet-8", "--set", "network.options={width=4}", "--trials", "1"),
        *("--set", "training.evaluate_every=1", "--set", "pruning.granularity=unit"),
        *("--set", "pruning.rates={conv=0.5,shortcut=0.5,output=0}"),
        *("--set", "training.iterations=1", "--set", "training.batch_size=8", "--levels", "1"),
    ]
    place = str(tmp_path / "run")
    assert ticket("find", "digits-quick", *words, "--out", place).code == 0
    shown = json.loads((tmp_path / "run/bundle/ticket.json").read_bytes())
    assert [each["evidence"]["backends"] for each in shown["levels"]] == [["lanes"], ["small"]]
    ran = ticket("retrain", f"{place}:1", "--against", "reinit,random", "--trials", "1")
    assert ran.code == 0, ran.stderr
    assert ticket("verify", f"{place}/bundle").code == 0


def test_its_controls_move_units(run: Path, ticket: Callable[..., Any]) -> None:
    ran = ticket(
        "retrain",
        f"{run}:1",
        *("--against", "shuffle,random,finetune", "--trials", "1", "--format", "json"),
    )
    assert ran.code == 0, ran.stderr


def test_units_of_all_layers_may_compete(ticket: Callable[..., Any], tmp_path: Path) -> None:
    settings = ("granularity=unit", "scope=global", "rates={fc=0.5}")
    words = [word for each in settings for word in ("--set", f"pruning.{each}")]
    plan = ticket("find", "digits-quick", *SHORT, *words, "--levels", "2", "--dry-run")
    assert "if each layer lost the same share" in plan.stderr
    place = str(tmp_path / "run")
    ran = ticket(
        *("find", "digits-quick", *SHORT, *words, "--levels", "2", "--trials", "2"),
        *("--out", place, "--format", "json"),
    )
    densities = [each["density"] for each in json.loads(ran.stdout)["levels"]]
    assert densities[0] == 1 > densities[1] > densities[2]
    assert ticket("verify", f"{place}/bundle").code == 0


def test_n_of_m_has_one_round(ticket: Callable[..., Any], tmp_path: Path) -> None:
    granularity = ["--set", "pruning.granularity=2:4"]
    place = str(tmp_path / "run")
    ran = ticket(
        *("find", "digits-quick", *SHORT, *granularity, "--levels", "3"),
        *("--out", place, "--format", "json"),
    )
    found = json.loads(ran.stdout)
    assert [each["density"] for each in found["levels"]] == [1.0, pytest.approx(800 / 1580)]
    assert found["ending"]["reason"] == "exhausted"
    assert found["ending"]["about"] == "2:4 is one round, and it is done."


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["pruning.granularity=4:2"], "would drop nothing"),
        (["pruning.granularity=unit", "pruning.rates={output=0.1}"], "its outputs are those"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(
    settings: list[str], words: str, ticket: Callable[..., Any]
) -> None:
    assignments = [word for each in settings for word in ("--set", each)]
    ran = ticket("find", "digits-quick", *SHORT, *assignments, "--dry-run")
    assert ran.code == 6
    assert words in ran.stderr


def test_an_early_ticket_is_compared_with_its_inverted_mask(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    """The bundle says how it was scored, and the control scores the same weights again."""
    settings = ("when=init", "mode=one-shot", "criterion=snip", "target_density=0.2")
    early = [word for each in settings for word in ("--set", f"pruning.{each}")]
    place = str(tmp_path / "run")
    assert ticket("find", "digits-quick", *SHORT, *early, "--out", place).code == 0
    ran = ticket(
        *("retrain", f"{place}:1", "--against", "invert,random-erk,random-labels", "--trials", "1"),
        *("--out", str(tmp_path / "controls"), "--format", "json"),
    )
    assert ran.code == 0, ran.stderr
    assert '"invert"' in ran.stdout


def test_a_ticket_of_trained_weights_has_no_inverted_control(
    run: Path, ticket: Callable[..., Any]
) -> None:
    ran = ticket("retrain", f"{run}:1", "--against", "invert", "--trials", "1")
    assert ran.code not in {0, 70}
    assert "pruning.when = 'init'" in ran.stderr
