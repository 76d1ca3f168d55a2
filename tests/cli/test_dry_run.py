"""`ticket find --dry-run` refuses what cannot run, and says what the rest will be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SMALL_TIMM = ["--set", "network.name=timm:mobilenetv2_050", "--set", "data.size=32"]


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        (["network.name=timm:resnet19"], 4, "timm:resnet18"),
        (["network.name=timm:resnet18", "network.options.width=3"], 4, "has no option 'width'"),
        (["network.options.dropout=2"], 4, "cannot be 2"),
        (["network.name=conv-6", "data.size=4"], 4, "conv-6"),
        (["data.name=folder:/nowhere"], 5, "/nowhere"),
        (["data.name=mnits"], 5, "mnist"),
        (["data.validation=5000"], 5, "cannot be held out"),
        (["training.backend=sparse-numba", "network.name=conv-2"], 3, "cannot"),
        (["training.precision=tf32"], 3, "tf32"),
        (["pruning.rates={conv=0.2}"], 6, "nothing to prune"),
        (["network.name=timm:resnet18", "data.size=32"], 6, "--set pruning.rates.conv=0.2"),
    ],
)
def test_what_cannot_run_is_refused(
    settings: list[str], code: int, words: str, ticket: Callable[..., Any], own_home: Path
) -> None:
    assignments = [word for each in settings for word in ("--set", each)]
    ran = ticket("find", "digits-quick", "--dry-run", "--device", "cpu", *assignments)
    assert (ran.code, ran.stdout) == (code, "")
    assert words in ran.stderr
    assert not list(own_home.rglob("run.json"))


def test_the_same_search_is_refused_before_anything_is_written(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    ran = ticket("find", "digits-quick", *SMALL_TIMM, "--out", str(run))
    assert ran.code == 6
    assert "--set pruning.rates.conv=0.2" in ran.stderr
    assert not (run / "run.json").exists()


def test_a_layerwise_ladder_is_told_layer_by_layer(ticket: Callable[..., Any]) -> None:
    arguments = ["find", "digits-quick", "--dry-run", "--levels", "2"]
    plan = json.loads(ticket(*arguments, "--format", "json").stdout)
    assert [row["kept"] for row in plan["ladder"]] == [11_900, 9570, 7701]
    assert [(row["layer"], row["kept"]) for row in plan["layers"]] == [
        ("hidden.0.weight", [6400, 5120, 4096]),
        ("hidden.1.weight", [5000, 4000, 3200]),
        ("output.weight", [500, 450, 405]),
    ]
    assert (plan["input"], plan["classes"], plan["examples"]) == ([1, 8, 8], 10, [1137, 300, 360])
    assert plan["warnings"] == []
    assert plan["seconds"] > 0
    assert plan["memory_bytes"] > 5 * 4 * 12_060 * 5
    human = ticket(*arguments).stdout
    assert "hidden.1.weight  fc        5,000    4,000    3,200" in human
    assert "memory      about" in human
    assert "disk        at most" in human


def test_layers_that_will_be_near_collapse_or_whole_are_named_beforehand(
    ticket: Callable[..., Any],
) -> None:
    rates = "pruning.rates={fc=0.5, output=0}"
    ran = ticket("find", "digits-quick", "--dry-run", "--levels", "10", "--set", rates)
    assert "Never pruned: output, 500 of 11,900 prunable weights (4.20%)" in ran.stderr
    assert "From level 7 on, hidden.1.weight keeps 39 of 5,000 weights or fewer: near" in ran.stderr
    assert "output.weight    output      500" in ran.stdout
    assert "never pruned" in ran.stdout


def test_of_a_global_ladder_the_total_is_told(ticket: Callable[..., Any]) -> None:
    rates = "pruning.rates={conv=0.2, output=0}"
    arguments = ["find", "digits-quick", *SMALL_TIMM, "--set", "pruning.scope=global"]
    ran = ticket(*arguments, "--set", rates, "--levels", "1", "--dry-run", "--format", "json")
    plan = json.loads(ran.stdout)
    assert plan["init"] == "default"
    whole = [row["layer"] for row in plan["layers"] if not row["is_pruned"]]
    assert whole == ["classifier.weight"]
    total = sum(row["size"] for row in plan["layers"])
    kept = total - round(0.2 * (total - 12_800))
    assert plan["ladder"][1] == {"level": 1, "kept": kept, "density": kept / total}
    assert all(row["kept"] is None for row in plan["layers"])


def test_published_data_that_are_not_here_are_not_downloaded(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    arguments = ["find", "lenet-mnist", "--dry-run", "--data-dir", str(tmp_path)]
    plan = json.loads(ticket(*arguments, "--format", "json").stdout)
    assert plan["examples"] is None
    assert plan["ladder"][0]["kept"] == 266_200
    assert list(tmp_path.iterdir()) == []


def test_what_is_never_pruned_and_what_thins_out_is_said_while_searching_and_shown_after(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    settings = [
        *("--set", "pruning.rates={fc=0.9, output=0}", "--levels", "2", "--trials", "1"),
        *("--set", "training.iterations=4", "--set", "training.evaluate_every=4"),
    ]
    run = str(tmp_path / "run")
    said = ticket("find", "digits-quick", *settings, "--out", run).stderr
    assert "Never pruned: output, 500 of 11,900 prunable weights" in said
    assert "Level 2: hidden.1.weight keeps 50 of 5,000 weights" not in said
    assert "Level 2: hidden.0.weight keeps 64 of 6,400 weights (1.00%; the whole network" in said
    shown = json.loads(ticket("show", run, "--format", "json").stdout)
    assert shown["never_pruned"] == ["output.weight"]
    assert [about.split()[2] for about in shown["thin_layers"]] == ["hidden.0.weight"]
    level = json.loads(ticket("show", f"{run}:2", "--format", "json").stdout)
    assert [row["note"] for row in level["layers"]] == [
        "near collapse, fewer weights than outputs",
        "",
        "never pruned",
    ]


def test_an_early_search_says_what_it_saves(ticket: Callable[..., Any]) -> None:
    early = ["pruning.when=init", "pruning.mode=one-shot"]
    settings = [*early, "pruning.criterion=snip", "pruning.densities=[0.05]"]
    words = [word for each in settings for word in ("--set", each)]
    ran = ticket("find", "digits-quick", "--dry-run", *words)
    assert "2 levels and all trials at once" in ran.stdout
    assert "2 networks a trial" in ran.stderr
    assert "0.13 of its iterations" in ran.stderr  # 1 + ceil(log 0.05 / log 0.8) = 15 networks
    assert "a trial" not in ticket("find", "digits-quick", "--dry-run").stderr
