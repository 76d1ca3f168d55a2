"""Controls whose networks are the ticket's own: there is nothing to compare, and it is said so."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shutil
from pathlib import Path

import pytest

from ticket_hub import compare
from ticket_hub.bundle.record_reading import encode_record, read_record
from ticket_hub.comparison.tables import runs_table
from ticket_hub.errors import EvidenceError
from ticket_hub.evidence import Outcome, judge
from ticket_hub.report.forest import verdict_branches
from ticket_hub.training import Progress
from ticket_hub.transfer import RetrainResult, retrain
from ticket_hub.transfer.level_evidence import judge_levels
from ticket_hub.transfer.matrix import Matrix, cells_of, matrix_table
from ticket_hub.transfer.stored import read_experiment
from ticket_hub.transfer.tables import csv_text, markdown, rows


@pytest.fixture(scope="module")
def result(found: Path, tmp_path_factory: pytest.TempPathFactory) -> RetrainResult:
    run = tmp_path_factory.mktemp("identical") / "run"
    return retrain(f"{found}:5", against=["mask-only", "reinit"], trials=3, run_folder=run)


def test_mask_only_is_the_ticket_where_the_target_begins_with_its_initialization(
    result: RetrainResult,
) -> None:
    (level,) = result.levels
    assert {each.control: each.identical for each in level.verdict.comparisons} == {
        "mask-only": True,
        "reinit": False,
    }
    by_control = {name: [each.start for each in some] for name, some in level.results.items()}
    assert by_control["mask-only"] == by_control["ticket"]
    assert not set(by_control["reinit"]) & set(by_control["ticket"])


def test_every_table_and_figure_says_identical(result: RetrainResult) -> None:
    words = {row.network: row.verdict for row in rows(result.levels)}
    assert words["mask-only"] == "identical"
    assert words["reinit"] in {"beaten", "not shown"}
    assert "| identical |" in markdown(result.levels)
    parsed = csv.DictReader(io.StringIO(csv_text(result.levels)))
    assert [row["verdict"] for row in parsed][1] == "identical"
    table = runs_table(compare([result.run]))
    assert "identical" in table.rows[-1]
    labels = [each.label for each in verdict_branches(result.levels)]
    assert [label.endswith("mask-only (identical)") for label in labels] == [True, False]
    cells = tuple(cells_of(result.levels, ticket="a", data="digits", found_on="digits", run="."))
    controls = ("mask-only", "reinit")
    matrix = Matrix(tickets=("a",), data=("digits",), controls=controls, cells=cells)
    assert matrix_table(matrix).rows[0].count("identical") == 1


def test_an_identical_network_is_not_trained_again_and_comes_to_the_same(
    found: Path, result: RetrainResult, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    arguments = {"against": ["mask-only"], "trials": 3, "run_folder": tmp_path / "run"}
    whole = retrain(f"{found}:5", observe=seen.append, **arguments)  # type: ignore[arg-type]
    assert {each.member.split("-")[0] for each in seen} == {"005/ticket"}
    copy = shutil.copytree(result.run, tmp_path / "copy")
    (copy / "results/005/mask-only-1.json").unlink()
    seen.clear()
    again = retrain(f"{found}:5", observe=seen.append, **arguments | {"run_folder": copy})  # type: ignore[arg-type]
    assert not seen
    for one, two in zip(whole.levels, again.levels, strict=True):
        assert one.verdict == two.verdict


def test_mask_only_is_a_control_where_trials_begin_with_other_initializations(
    found: Path, tmp_path: Path
) -> None:
    result = retrain(f"{found}:5", against=["mask-only"], trials=6, run_folder=tmp_path / "run")
    (comparison,) = result.levels[0].verdict.comparisons
    assert not comparison.identical
    same = zip(
        *([each.start for each in some] for some in result.levels[0].results.values()), strict=True
    )
    assert [one == two for one, two in same] == [True] * 5 + [False]


def test_equal_numbers_alone_are_no_identity() -> None:
    numbers = Outcome(accuracy=[0.1] * 3, early_stop=[0] * 3)
    (dead,) = judge(numbers, {"reinit": numbers}).comparisons
    starts = [
        dataclasses.replace(numbers, starts=[f"{name}{trial}" for trial in range(3)])
        for name in "aab"
    ]
    one, other = judge(starts[0], {"own": starts[1], "reinit": starts[2]}).comparisons
    assert (dead.identical, one.identical, other.identical) == (False, True, False)


def test_results_that_do_not_say_what_they_began_with_are_told_by_all_their_readings(
    result: RetrainResult,
) -> None:
    stored = read_experiment(result.run)
    (level,) = judge_levels(
        dataclasses.replace(each, start="")
        for level in stored.levels
        for some in level.results.values()
        for each in some
    )
    assert [each.identical for each in level.verdict.comparisons] == [True, False]


def test_the_record_in_a_bundle_says_it_and_one_without_it_is_written_as_before(
    result: RetrainResult,
) -> None:
    table = json.loads((result.run / "evidence.json").read_bytes()) | {"when": ""}
    networks = read_record(table).levels[0].networks
    outcomes = {name: network.outcome for name, network in networks.items()}
    verdict = judge(outcomes.pop("ticket"), outcomes)
    assert {each.control for each in verdict.comparisons if each.identical} == {"mask-only"}
    for network in table["levels"][0]["networks"].values():
        for trial in network["trials"]:
            del trial["start"]
    assert b'"start"' not in encode_record(read_record(table))
    table["levels"][0]["networks"]["ticket"]["trials"][0]["start"] = "../x"
    with pytest.raises(EvidenceError, match="says what cannot be"):
        read_record(table)
