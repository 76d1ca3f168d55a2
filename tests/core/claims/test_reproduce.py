"""A claim carried out: found, retrained, compared, written down, and gone on with."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.core.claims.test_claim import OURS
from tests.helpers.tried import EASY, tried
from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.bundle.reproduction_reading import read_reproduction
from ticket_hub.claims import (
    Claim,
    Reproduction,
    compare_reproductions,
    push_reproduction,
    reproduce,
)
from ticket_hub.claims.reproduce import recipes_of
from ticket_hub.errors import EvidenceError, RecipeError
from ticket_hub.hub.front import info_bundle, pull_bundle
from ticket_hub.report.runs import report_run
from ticket_hub.report.style import png
from ticket_hub.transfer.stored import read_experiment


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TICKET_HOME", str(tmp_path))
    return tmp_path


def ours(**changes: object) -> Claim:
    return Claim.from_table({"name": "ours"} | tomllib.loads(OURS) | changes)


def reproduced(claim: Claim, told: list[str] | None = None) -> Reproduction:
    tell = (told if told is not None else []).append
    return reproduce(claim, workers=1, device="cpu", tell=tell)


def test_a_claim_is_tried_written_down_and_gone_on_with(home: Path) -> None:
    claim, told = ours(), list[str]()
    first = reproduced(claim, told)
    assert [line.split(":")[0] for line in told] == ["quick", "controls"]
    place = home / "reproductions/ours-cpu-0/reproduction.json"
    written = json.loads(place.read_bytes())
    (said,) = written["statements"]
    assert written["outcome"] == first.outcome
    assert (place.parent / "statements.png").read_bytes() == png(first.figure())
    assert written["digest"] == claim.digest
    assert said["n"] == [3, 3]
    assert said["tickets"] == [3, 3]
    assert said["densities"][1] == 1.0
    assert said["densities"][0] == pytest.approx(0.65, abs=0.02)
    dense, ticket = _accuracies(first)
    expected = 100 * sum(t - d for t, d in zip(ticket, dense, strict=True)) / 3
    assert said["measured"]["mean"] == pytest.approx(expected)
    before = {path: path.stat().st_mtime_ns for path in (home / "runs").rglob("*.safetensors")}
    again = reproduced(claim)
    assert again.to_table() == first.to_table()
    after = {path: path.stat().st_mtime_ns for path in (home / "runs").rglob("*.safetensors")}
    assert after == before


def test_searches_of_a_claim_train_what_they_have_in_common_once(home: Path) -> None:
    slow = ours().to_table()["searches"]["quick"]
    changes = {"training.backend": "stack", "pruning.rates": {"fc": 0.5, "output": 0.3}}
    fast = {**slow, "changes": slow["changes"] | changes}
    statement = {"says": "slow is better", "measure": "accuracy", "above": 0.0}
    sides = {"first": "quick:dense", "second": "fast:dense"}
    claim = ours(
        searches={"quick": slow, "fast": fast}, experiments={}, statements=[statement | sides]
    )
    told = list[str]()
    result = reproduce(claim, workers=1, device="cpu", notify=told.append)
    first = result.runs["quick"].name
    assert told == [f"Level 0 is that of {first}, to the bit."]
    assert result.decided[0].interval.mean == 0.0


def _accuracies(result: Reproduction) -> tuple[list[float], list[float]]:
    study = result.studies["quick"]
    assert study.dense is not None
    return list(study.dense.outcome.accuracy), list(study.levels[-1].ticket.outcome.accuracy)


def test_both_sides_of_an_experiment_share_their_data_order(home: Path) -> None:
    statement = {
        "says": "the ticket is a point more accurate than its mask initialized anew",
        "measure": "accuracy",
        "first": "controls:ticket@0.65",
        "second": "controls:reinit@0.65",
        "above": 1.0,
    }
    result = reproduced(ours(statements=[statement]))
    assert result.decided[0].contrast.pairing == "data order"
    assert {path.parent for path in result.runs.values()} == {home / "runs"}


def test_the_generalization_gap_is_a_measure(home: Path) -> None:
    gap = {"says": "the gap is below 90", "measure": "gap", "above": -90.0}
    sides = {"first": "controls:ticket@0.65", "second": "controls:dense"}
    table = ours().to_table()
    controls = table["experiments"]["controls"] | {"against": ["dense"]}
    with pytest.raises(EvidenceError, match="No training examples were read"):
        reproduced(ours(statements=[gap | sides], experiments={"controls": controls}))
    controls["changes"] = {"training.train_sample": 100}
    claim = ours(statements=[gap | sides], experiments={"controls": controls})
    result = reproduced(claim)
    study = result.studies["controls"]
    assert study.dense is not None
    ticket, dense = (
        [float(row[6] - row[4]) for row in (each.columns[-1] for each in some.curves)]
        for some in (study.levels[0].ticket, study.dense)
    )
    expected = 100 * sum(t - d for t, d in zip(ticket, dense, strict=True)) / 3
    assert result.decided[0].interval.mean == pytest.approx(expected)
    assert len(list((home / "runs").glob("retrain-*"))) == 2  # readings are terms of their own
    report_run(result.runs["controls"], home / "report", ["png", "csv"])


def test_a_measure_of_an_analysis_is_compared_with_a_bound(home: Path) -> None:
    bound = {"says": "survivors are bimodal", "measure": "values.bimodality", "above": 0.1}
    statement = bound | {"first": "inside:ticket@0.65", "layer": "hidden.0.weight"}
    inside = {"inside": {"tickets": "quick", "densities": [0.65], "only": "values"}}
    claim = ours(experiments={}, analyses=inside, statements=[statement])
    assert Claim.from_table(claim.to_table()).digest == claim.digest
    told = list[str]()
    result = reproduced(claim, told)
    assert [line.split(":")[0] for line in told] == ["quick", "inside"]
    (said,) = result.to_table()["statements"]
    (finding,) = result.findings["inside"]
    by_trial = finding.result.layers[0].bimodality
    assert said["measured"]["mean"] == pytest.approx(sum(by_trial) / 3)
    assert (said["n"], said["tickets"], said["shown"]) == ([3, 3], [3, 3], True)
    assert result.outcome == "reproduced"
    assert (result.runs["inside"] / "analysis.html").is_file()
    wrong = ours(
        experiments={}, analyses=inside, statements=[statement | {"measure": "values.modes"}]
    )
    with pytest.raises(RecipeError, match=r"no measure 'values\.modes'"):
        reproduced(wrong, told)
    assert len(told) == 2
    assert (home / "analyses").is_dir()


@pytest.mark.parametrize("side", ["quick:ticket@0.1", "controls:shuffle@0.65"])
@pytest.mark.usefixtures("home")
def test_a_side_that_was_not_trained_is_named(side: str) -> None:
    statement = dict(ours().to_table()["statements"][0], first=side)
    with pytest.raises(EvidenceError) as caught:
        reproduced(ours(statements=[statement]))
    assert side.partition(":")[0] in caught.value.problem
    assert caught.value.remedy


def test_another_seed_is_another_result(home: Path) -> None:
    claim = ours(experiments={})
    assert recipes_of(claim)["quick"].digest != recipes_of(claim, seed=3)["quick"].digest
    bound = {"says": "survivors move further", "measure": "movement.further", "above": 0.0}
    statement = bound | {"first": "inside:ticket@0.65", "layer": "hidden.0.weight"}
    inside = {"inside": {"tickets": "quick", "densities": [0.65], "only": "movement"}}
    both = ours(analyses=inside, statements=[*ours().to_table()["statements"], statement])
    result = reproduce(both, seed=3, workers=1, device="cpu")
    assert (home / "reproductions/ours-cpu-3/reproduction.json").is_file()
    # Neither data orders nor what controls draw are those of a try of seed 0.
    assert read_experiment(result.runs["controls"]).spec.seed == 3
    assert result.findings["inside"][0].identity["seed"] == 3


def test_a_smoke_run_is_no_verdict_and_is_not_pushed(home: Path) -> None:
    budgets = {"smoke": ours().to_table()["budgets"]["cpu"]}
    claim = ours(statements=[EASY], budgets=budgets)
    result = reproduce(claim, budget="smoke", workers=1, device="cpu")
    assert result.outcome == "smoke run: not a verdict"
    assert not result.decided[0].shown
    written = json.loads((home / "reproductions/ours-smoke-0/reproduction.json").read_bytes())
    assert written["outcome"] == result.outcome
    with pytest.raises(EvidenceError, match="no verdict"):
        push_reproduction(result, "ann/ours", by="Ann", hub=home / "hub")


def test_what_became_of_a_claim_is_pushed_shown_pulled_and_checked(home: Path) -> None:
    experiments = ours().to_table()["experiments"]
    experiments["controls"]["reinits"] = 2
    claim = ours(statements=[EASY], number=3, experiments=experiments)
    result = reproduced(claim)
    assert result.outcome == "reproduced"
    with pytest.raises(EvidenceError, match="say who made it"):
        push_reproduction(result, "ann/ours", hub=home / "hub")
    push_reproduction(result, "ann/ours", by="Ann", hub=home / "hub")
    pulled = pull_bundle("ann/ours", hub=home / "hub").folder
    bundle = open_bundle(pulled)
    (record,) = bundle.reproductions()
    assert (record.digest, record.outcome, record.who) == (claim.digest, "reproduced", "Ann")
    assert record.tickets["quick"].bundle == bundle.manifest.id
    ids = [each.id for each in bundle.manifest.levels[2].tickets]
    assert list(record.tickets["quick"].levels["2"]) == ids
    assert record.line.startswith("claim 3: reproduced (")
    assert "n = 3 tickets, 2 reinitializations each; budget cpu, seed 0)" in record.line
    card = (pulled / "README.md").read_text()
    assert "- claim 3: reproduced (" in card
    assert len(bundle.experiments()) == 1
    assert verify_bundle(pulled, partial=True).holds
    assert info_bundle("ann/ours", hub=home / "hub").reproductions == (record,)
    assert Claim.from_table(record.claim).digest == claim.digest
    push_reproduction(result, "ann/ours", by="Ann", hub=home / "hub")  # takes its own place
    assert len(open_bundle(result.bundles["quick"]).reproductions()) == 1


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("outcome",), "not reproduced", "its word"),
        (("digest",), "0" * 64, "its digest"),
        (("statements", 0, "measured", "low"), -200.0, "cannot be"),
        (("statements", 0, "n"), [2, 2], "cannot be"),
        (("statements", 0, "n"), [3], "cannot be"),
        (("statements", 0, "above"), -50.0, "not those of its claim"),
        (("tickets", "quick", "bundle"), "x", "no tickets"),
        (("tickets",), {}, "no tickets"),
        (("budget",), "other", "budget"),
        (("format",), 2, "format"),
        (("seed",), None, "missing"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(
    path: tuple[str | int, ...], value: object, words: str
) -> None:
    table: Any = tried()
    assert read_reproduction(table).outcome == "reproduced"
    place = table
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(EvidenceError) as caught:
        read_reproduction(table)
    assert words in caught.value.problem


def test_two_tries_of_a_claim_stand_side_by_side(tmp_path: Path) -> None:
    other = tried(seed=7)
    other["statements"][0] |= {"shown": False, "measured": {"mean": 1, "low": -200, "high": 30}}
    tries = {"a": tried(), "b": other | {"outcome": "not decided"}, "c": tried(seed=8)}
    for name, table in tries.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "reproduction.json").write_text(json.dumps(table))
    places = [tmp_path / name for name in tries]
    found = compare_reproductions(places)
    assert found.agreement == (
        "They do not agree, and do not contradict each other: A reproduced, B not decided, "
        "C reproduced."
    )
    rows = found.runs_table().rows
    assert [row[:5] for row in rows] == [
        ["A", "claim 3", "reproduced", "cpu", "0"],
        ["B", "claim 3", "not decided", "cpu", "7"],
        ["C", "claim 3", "reproduced", "cpu", "8"],
    ]
    assert rows[0][5:] == ["cpu, AVX2", "ticket_hub 1.0, torch 2.13"]
    assert [row[3] for row in found.statements_table().rows][1] == (
        "+1.00 points (-200.00 to +30.00)"
    )
    assert compare_reproductions([places[0], places[2]]).agreement == "They agree: reproduced."
    apart = "Seeds that are less than 3 apart, the number of trials, have tickets in common."
    assert apart in found.notes  # 7 and 8
    assert apart not in compare_reproductions(places[:2]).notes
    with pytest.raises(EvidenceError, match="no reproduction"):
        compare_reproductions([places[0], tmp_path])


@pytest.mark.parametrize(
    ("path", "value", "differ"),
    [
        (("claim", "budgets", "weekend"), {"training.iterations": 50}, False),
        (("claim", "budgets", "cpu", "training.iterations"), 77, True),
        (("claim", "title"), "In other words", False),
        (("claim", "statements", 0, "above"), -0.125, True),
    ],
)
def test_tries_of_a_claim_that_has_changed_where_it_matters_are_told_apart(
    path: tuple[str | int, ...], value: object, *, differ: bool, tmp_path: Path
) -> None:
    other = tried()
    place: Any = other
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    if path[1] == "statements":
        other["statements"][0]["above"] = value
    other["digest"] = Claim.from_table(other["claim"]).digest
    places = [tmp_path / name for name in ("a", "b")]
    for place, table in zip(places, (tried(), other), strict=True):
        place.mkdir()
        (place / "reproduction.json").write_text(json.dumps(table))
    notes = compare_reproductions(places).notes
    assert any("differ in what is trained or stated" in each for each in notes) == differ
    assert any("Tries of one seed" in each for each in notes) != differ
