from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import forked
from ticket_hub import find, search

SMALL = [
    *("--trials", "2", "--levels", "2", "--workers", "1"),
    *("--set", "training.iterations=60", "--set", "training.evaluate_every=20"),
]


def start(arguments: list[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [forked.python(), "-m", "ticket_hub_cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment, "OMP_NUM_THREADS": "1"},
    )


def test_find_leaves_a_bundle_and_says_how_to_go_on(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    ran = ticket("find", "digits-quick", *SMALL, "--out", str(tmp_path / "run"))
    assert ran.code == 0
    rows = [line.split() for line in ran.stdout.splitlines()[1:4]]
    assert [row[:2] for row in rows] == [["0", "100.00%"], ["1", "80.42%"], ["2", "64.71%"]]
    assert f"bundle: {tmp_path / 'run/bundle'}" in ran.stdout
    assert "level 2: 64.71% of the weights left" in ran.stderr
    assert "ticket report" in ran.stderr


def test_find_draws_the_ladder_on_the_card(ticket: Callable[..., Any], tmp_path: Path) -> None:
    ticket("find", "digits-quick", *SMALL, "--out", str(tmp_path / "run"), "-q")
    card = (tmp_path / "run/bundle/README.md").read_text("utf-8")
    assert "](ladder.svg)" in card
    assert ticket("verify", str(tmp_path / "run")).code == 0


def test_a_search_that_ended_before_its_figure_was_drawn_comes_to_the_same_digest(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    arguments = ["find", "digits-quick", *SMALL, "-q", "--out"]
    ticket(*arguments, str(tmp_path / "straight"))
    manifest = (tmp_path / "straight/bundle/ticket.json").read_bytes()
    # what is left by a kill after the last level, and by one while the figure came into place
    recipe = str(tmp_path / "straight/recipe.toml")
    search.find(recipe, run_folder=tmp_path / "late", workers=1)
    assert (tmp_path / "late/bundle/ticket.json").read_bytes() != manifest
    shutil.copytree(tmp_path / "late", tmp_path / "torn")
    (tmp_path / "torn/bundle/.staged").mkdir()
    (tmp_path / "torn/bundle/.staged" / ("0" * 64)).write_bytes(b"half")
    shutil.copytree(tmp_path / "torn", tmp_path / "called")
    ticket(*arguments, str(tmp_path / "late"))
    ticket(*arguments, str(tmp_path / "torn"))
    find(recipe, run_folder=tmp_path / "called")
    for name in ("late", "torn", "called"):
        assert (tmp_path / name / "bundle/ticket.json").read_bytes() == manifest
        assert not (tmp_path / name / "bundle/.staged").exists()


def test_find_again_reads_what_is_there(ticket: Callable[..., Any], tmp_path: Path) -> None:
    arguments = ["find", "digits-quick", *SMALL, "--out", str(tmp_path / "run")]
    first = ticket(*arguments, "--format", "json")
    second = ticket(*arguments, "--format", "json")
    assert json.loads(second.stdout) == json.loads(first.stdout)
    assert second.stderr.count("(from disk)") == 3


def test_json_and_quiet_are_for_programs(ticket: Callable[..., Any], tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = ["find", "digits-quick", *SMALL, "--out", str(run)]
    found = json.loads(ticket(*arguments, "--format", "json").stdout)
    assert found["bundle"] == str(run / "bundle")
    assert found["ending"]["reason"] == "levels"
    assert len(found["levels"]) == 3
    quiet = ticket(*arguments, "-q")
    assert (quiet.stdout, quiet.stderr) == (f"{run / 'bundle'}\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_search_with_its_own_code_and_the_same_command_goes_on(
    number: signal.Signals, tmp_path: Path, own_home: Path
) -> None:
    endless = ["--set", "training.iterations=2000000", "--set", "training.evaluate_every=500"]
    arguments = ["find", "digits-quick", *SMALL, *endless, "--out", str(tmp_path / "run")]
    process = start(arguments, {})
    try:
        while not list((tmp_path / "run").glob("run.json")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 75
    assert out == ""
    assert "same command" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["lenet-mnst"], 3, "lenet-mnist"),
        (["digits-quick", "--set", "training.iteratons=2"], 3, "training.iterations"),
        (["digits-quick", "--trials", "0"], 2, "--trials"),
        (["digits-quick", "--backend", "warp"], 3, "training.backend"),
        (["mnist-like.toml"], 3, "cannot be read"),
        (["digits-quick", "--set", "data.name=folder:/nowhere"], 5, "/nowhere"),
        (["digits-quick", "--set", "network.name=lenet"], 4, "lenet"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    arguments: list[str], code: int, words: str, ticket: Callable[..., Any]
) -> None:
    ran = ticket("find", *arguments)
    assert ran.code == code
    assert words in ran.stderr
    assert "What to do:" in ran.stderr or code == 2
    assert ran.stdout == ""


def test_a_folder_of_another_recipe_is_refused(ticket: Callable[..., Any], tmp_path: Path) -> None:
    place = ["--out", str(tmp_path / "run")]
    ticket("find", "digits-quick", *SMALL, *place)
    ran = ticket("find", "digits-quick", *SMALL, *place, "--set", "training.lr=0.5")
    assert ran.code == 8
    assert "Give another folder" in ran.stderr


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    place = ["--out", str(tmp_path / "run")]
    plan = json.loads(
        ticket("find", "digits-quick", *SMALL, *place, "--dry-run", "--format", "json").stdout
    )
    assert (plan["levels"], plan["trials"], plan["iterations"]) == (3, 2, 60)
    assert plan["state"] == "new"
    assert not (tmp_path / "run").exists()
    ticket("find", "digits-quick", *SMALL, *place)
    ran = ticket("find", "digits-quick", *SMALL, *place, "--dry-run")
    assert "finished, 3 levels done" in ran.stdout


def test_a_sweep_makes_a_run_of_every_setting_and_goes_on(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    arguments = ["find", "digits-quick", *SMALL, "--levels", "1", "--out", str(tmp_path / "runs")]
    arguments += ["--sweep", "training.lr=0.001,0.01"]
    planned = ticket(*arguments, "--dry-run")
    assert (planned.code, (tmp_path / "runs").exists()) == (0, False)
    plans = json.loads(ticket(*arguments, "--dry-run", "--format", "json").stdout)
    assert [each["setting"] for each in plans] == ["training.lr=0.001", "training.lr=0.01"]
    ran = ticket(*arguments)
    assert ran.code == 0, ran.stderr
    assert "Setting 2 of 2: training.lr=0.01." in ran.stderr
    assert "ticket compare" in ran.stderr
    found = json.loads(ticket(*arguments, "--format", "json").stdout)
    assert [each["setting"] for each in found] == ["training.lr=0.001", "training.lr=0.01"]
    assert found[0]["digest"] != found[1]["digest"]
    again = ticket(*arguments)
    assert again.stderr.count("(from disk)") == 4
    page = tmp_path / "sweep.html"
    assert ticket("compare", *[each["run"] for each in found], "--html", str(page)).code == 0
    assert page.stat().st_size > 10_000


def test_a_sweep_over_pruning_trains_the_dense_network_once(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    arguments = ["find", "digits-quick", *SMALL, "--levels", "1", "--out", str(tmp_path / "runs")]
    ran = ticket(*arguments, "--sweep", "pruning.criterion=magnitude,random")
    assert ran.code == 0, ran.stderr
    assert ran.stderr.count("Level 0 is that of digits-quick-") == 1
    assert "Level 1 is that" not in ran.stderr


@pytest.mark.parametrize(
    ("sweep", "code", "word"),
    [
        (["training.lr"], 2, "KEY=VALUE"),
        (["training.lr=0.1", "training.lr=0.2"], 2, "swept twice"),
        (["training.lr=0.1,0.1"], 3, "same search"),
        (["training.lrr=0.1"], 3, "training.lr"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(
    ticket: Callable[..., Any], sweep: list[str], code: int, word: str
) -> None:
    ran = ticket("find", "digits-quick", *[part for s in sweep for part in ("--sweep", s)])
    assert ran.code == code
    assert word in ran.stderr
