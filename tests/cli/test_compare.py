from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ticket_hub

CHANGES = {
    "network.name": "lenet-8",
    "training.iterations": 20,
    "training.evaluate_every": 5,
    "training.backend": "stack",
    "search.levels": 2,
    "search.trials": 3,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    place = tmp_path_factory.mktemp("runs")
    found = ticket_hub.find("digits-quick", changes=CHANGES, run_folder=place / "found", workers=1)
    again = ticket_hub.retrain(f"{found.run}:2", trials=3, run_folder=place / "again", workers=1)
    return str(found.run), str(again.run)


def test_compare_shows_runs_differences_and_how_they_were_made(
    ticket: Callable[..., Any], runs: tuple[str, str]
) -> None:
    ran = ticket("compare", *runs)
    assert ran.code == 0
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("A: found (search, lenet-8 on digits, 3 trials)")
    assert lines[1].startswith("B: again (experiment, ")
    table = [line.split()[:2] for line in lines[4:9]]
    assert table == [["A", "0"], ["A", "1"], ["A", "2"], ["B", "0"], ["B", "2"]]
    assert "MINUS REINIT" in lines[3]
    assert "unpaired: other data orders" in ran.stdout
    assert "95% intervals" in ran.stdout


def test_every_form_has_the_same_numbers(ticket: Callable[..., Any], runs: tuple[str, str]) -> None:
    told = json.loads(ticket("compare", *runs, "--format", "json").stdout)
    assert told == ticket_hub.compare(runs).to_table()
    text = ticket("compare", *runs, "--format", "csv").stdout
    rows = {(r["run"], r["level"], r["network"]): r for r in csv.DictReader(io.StringIO(text))}
    network = told["runs"][1]["levels"][0]["networks"]["reinit"]
    assert float(rows["B", "2", "reinit"]["accuracy"]) == network["test_accuracy"]["mean"]
    page = ticket("compare", *runs, "--format", "markdown").stdout
    assert f"{100 * network['density']:.2f}" in page
    assert "| B | 2 |" in page


def test_what_is_not_there_is_refused(ticket: Callable[..., Any], runs: tuple[str, str]) -> None:
    assert ticket("compare").code == 2
    assert ticket("compare", "nowhere").code == 11
    ran = ticket("compare", f"{runs[0]}:9")
    assert (ran.code, ran.stdout) == (11, "")
    assert "has level 1, 2" in ran.stderr


def test_a_ticket_on_a_hub_is_pulled(
    ticket: Callable[..., Any], runs: tuple[str, str], tmp_path: Path
) -> None:
    ticket_hub.push_bundle(Path(runs[0]) / "bundle", "ann/digits", hub=tmp_path)
    ran = ticket("compare", "ann/digits", "--hub", str(tmp_path), "--format", "json")
    (run,) = json.loads(ran.stdout)["runs"]
    assert run["name"].startswith("ann/digits@")
    assert [level["level"] for level in run["levels"]] == [1, 2]


@pytest.mark.parametrize("option", ["--html", "--out"])
def test_a_page_is_written_beside_the_table(
    option: str, ticket: Callable[..., Any], runs: tuple[str, str], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    ran = ticket("compare", *runs, option, str(page))
    assert ran.code == 0
    assert str(page) in ran.stderr
    assert page.read_text("utf-8").startswith("<!doctype html>")
