from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ticket_hub import find
from ticket_hub.bundle import open_bundle


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of three levels and three trials."""
    run = tmp_path_factory.mktemp("found") / "small"
    changes = {"training.iterations": 60, "search.levels": 2, "search.trials": 3}
    find("digits-quick", changes=changes, run_folder=run, workers=1)
    return run


@pytest.fixture
def mine(found: Path, own_home: Path) -> str:
    """That run among the user's, by its name."""
    shutil.copytree(found, own_home / "tickets/runs/small")
    return "small"


def test_show_describes_every_level(mine: str, ticket: Callable[..., Any]) -> None:
    ran = ticket("show", mine)
    assert ran.code == 0
    assert "lenet-100-50" in ran.stdout
    levels = [line.split()[:3] for line in ran.stdout.splitlines()[-3:]]
    assert levels == [["0", "100.00%", "3"], ["1", "80.42%", "3"], ["2", "64.71%", "3"]]


def test_show_in_json_has_what_the_manifest_says(found: Path, ticket: Callable[..., Any]) -> None:
    shown = json.loads(ticket("show", str(found), "--format", "json").stdout)
    manifest = open_bundle(found / "bundle").manifest
    assert shown["id"] == manifest.id
    assert [level["density"] for level in shown["levels"]] == [
        level.density for level in manifest.levels
    ]
    assert ticket("show", str(found), "-q").stdout == f"{manifest.id}\n"


def test_show_of_a_level_has_its_layers_and_ids(found: Path, ticket: Callable[..., Any]) -> None:
    record = open_bundle(found / "bundle").level(2)
    assert ticket("show", f"{found}:2", "-q").stdout.split() == [each.id for each in record.tickets]
    shown = json.loads(ticket("show", f"{found}:d0.647", "--format", "json").stdout)
    assert shown["level"] == 2
    assert [layer["kept"] for layer in shown["layers"]] == list(record.tickets[0].kept)
    human = ticket("show", f"{found}:best").stdout
    assert "hidden.0.weight" in human


def test_a_level_that_is_not_there_is_refused_with_those_that_are(
    found: Path, ticket: Callable[..., Any]
) -> None:
    ran = ticket("show", f"{found}:9")
    assert ran.code == 11
    assert "2 (d0.6471)" in ran.stderr


def test_verify_holds_for_what_find_wrote(mine: str, ticket: Callable[..., Any]) -> None:
    ran = ticket("verify", mine)
    assert ran.code == 0
    assert "files: size and digest" in ran.stdout
    assert "hold." in ran.stderr
    checked = json.loads(ticket("verify", mine, "--format", "json").stdout)
    assert checked["holds"] is True
    assert all(check["holds"] for check in checked["checks"])


def test_verify_names_the_file_that_was_altered_and_fails(
    found: Path, tmp_path: Path, ticket: Callable[..., Any]
) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(found / "bundle", altered)
    path = altered / "masks/1/2.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    ran = ticket("verify", str(altered))
    assert ran.code == 10
    assert "masks/1/2.safetensors: " in ran.stdout
    assert "do not hold" in ran.stderr
    assert "masks/1/2.safetensors" in ticket("verify", str(altered), "-q").stdout.splitlines()


def test_report_writes_figures_and_a_page_beside_the_bundle(
    mine: str, own_home: Path, ticket: Callable[..., Any]
) -> None:
    ran = ticket("report", mine)
    folder = own_home / "tickets/runs/small/report"
    assert ran.code == 0
    assert ran.stdout.splitlines() == [
        str(folder / name) for name in ("ladder.png", "curves.png", "report.html")
    ]
    text = (folder / "report.html").read_text()
    assert "lenet-100-50 on digits" in text
    assert "No control was trained" in text
    assert open_bundle(own_home / "tickets/runs/small/bundle").manifest.id in text


def test_report_writes_what_is_asked_for_where_it_is_asked_for(
    found: Path, tmp_path: Path, ticket: Callable[..., Any]
) -> None:
    place = ["--out", str(tmp_path / "figures")]
    ran = ticket("report", str(found), "--format", "svg", "--format", "csv", *place, "-q")
    assert ran.stderr == ""
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "ladder.svg",
        "curves.svg",
        "ladder.csv",
    }


def test_report_prints_the_numbers_as_json_and_writes_nothing(
    found: Path, tmp_path: Path, ticket: Callable[..., Any]
) -> None:
    place = ["--out", str(tmp_path / "figures")]
    rows = json.loads(ticket("report", str(found), "--format", "json", *place).stdout)
    evidence = open_bundle(found / "bundle").manifest.levels[1].evidence
    assert evidence is not None
    assert rows[1]["test_accuracy"] == pytest.approx(evidence.test_accuracy.mean)
    assert rows[1]["early_stop"] == pytest.approx(evidence.early_stop.mean)
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize("command", ["show", "verify", "report"])
def test_what_is_not_there_is_said_to_be_so(command: str, ticket: Callable[..., Any]) -> None:
    ran = ticket(command, "nothing-like-it")
    assert ran.code == 11
    assert "ticket list" in ran.stderr


def test_the_name_of_a_recipe_stands_for_its_only_run(
    mine: str, own_home: Path, ticket: Callable[..., Any]
) -> None:
    assert ticket("show", "digits-quick", "-q").stdout == ticket("show", mine, "-q").stdout
    shutil.copytree(own_home / "tickets/runs/small", own_home / "tickets/runs/other")
    ran = ticket("show", "digits-quick")
    assert ran.code == 11
    assert "other" in ran.stderr
    assert "small" in ran.stderr


def test_the_shell_completes_runs(mine: str) -> None:
    from click.shell_completion import ShellComplete

    from ticket_hub_cli.main import cli

    complete = ShellComplete(cli, {}, "ticket", "_TICKET_COMPLETE")
    assert [item.value for item in complete.get_completions(["show"], "sm")] == [mine]
    levels = [item.value for item in complete.get_completions(["retrain"], f"{mine}:")]
    assert levels[:3] == [f"{mine}:best", f"{mine}:all", f"{mine}:0"]
    assert complete.get_completions(["retrain"], "nothing:") == []


@pytest.mark.parametrize(
    ("words", "begun", "names"),
    [
        (["retrain", "--dataset"], "fashion", ["fashion-mnist"]),
        (["transfer", "--datasets"], "digits,fashion", ["digits,fashion-mnist"]),
        (["retrain", "--against"], "reinit,mask", ["reinit,mask-only"]),
        (["search", "--sort"], "acc", ["accuracy"]),
        (["find", "--set"], "search.tr", ["search.trials="]),
        (["find", "--log"], "js", ["jsonl"]),
    ],
)
def test_the_shell_completes_names_and_lists_of_names(
    words: list[str], begun: str, names: list[str]
) -> None:
    from click.shell_completion import ShellComplete

    from ticket_hub_cli.main import cli

    complete = ShellComplete(cli, {}, "ticket", "_TICKET_COMPLETE")
    assert [item.value for item in complete.get_completions(words, begun)] == names
