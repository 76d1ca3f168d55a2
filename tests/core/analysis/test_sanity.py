from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import ticket_hub
from tests.helpers.runs import tiny_recipe
from ticket_hub.analysis import plan_analyses
from ticket_hub.analysis.registry import chosen
from ticket_hub.analysis.sanity.compute import Sanity
from ticket_hub.errors import EvidenceError
from ticket_hub.pruning.criteria import CRITERIA
from ticket_hub.transfer.stored import read_experiment

EARLY = {"pruning.when": "init", "pruning.mode": "one-shot", "pruning.densities": [0.2]}


@pytest.fixture(scope="module", autouse=True)
def few_rounds() -> Iterator[None]:
    """SynFlow in ten rounds instead of a hundred, for each of dozens of masks.

    `tests/core/training/test_slopes.py` and `tests/core/search/test_early.py` run the hundred.
    """
    with pytest.MonkeyPatch.context() as patch:
        entry = CRITERIA.entry("synflow")
        assert entry
        assert entry.about["rounds"] == 100
        patch.setitem(cast("dict[str, Any]", entry.about), "rounds", 10)
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The bundles of a score that sees data, one that does not, and one of trained weights."""
    folder = tmp_path_factory.mktemp("runs")
    ways: dict[str, dict[str, Any]] = {
        "snip": EARLY | {"pruning.criterion": "snip"},
        "synflow": EARLY | {"pruning.criterion": "synflow"},
        "trained": {"search.levels": 1, "pruning.rates": {"fc": 0.8, "output": 0.8}},
    }
    return {
        name: ticket_hub.find(
            tiny_recipe(trials=3), changes=changes, run_folder=folder / name, workers=1
        ).bundle
        for name, changes in ways.items()
    }


def check(runs: dict[str, Path], folder: Path) -> ticket_hub.AnalyzeResult:
    others = [f"{runs[name]}:1" for name in ("synflow", "trained")]
    return ticket_hub.analyze(
        f"{runs['snip']}:1",
        only=["sanity"],
        others=others,
        folder=folder,
        workers=1,
    )


@pytest.fixture(scope="module")
def made(
    runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> ticket_hub.AnalyzeResult:
    return check(runs, tmp_path_factory.mktemp("made") / "out")


def test_scores_stand_beside_the_controls_that_they_allow_as_one_family(
    runs: dict[str, Path], made: ticket_hub.AnalyzeResult
) -> None:
    (finding,) = made.findings
    result: Sanity = finding.result
    plain = ["ticket", "shuffle", "reinit", "random-erk", "random-smart"]
    early = [*plain, "invert", "random-labels", "random-pixels"]
    networks: dict[str, list[str]] = {}
    for row in result.rows:
        networks.setdefault(row.score, []).append(row.network)
    assert networks == {
        "snip at init": early,
        "synflow at init": early,
        "magnitude, iterative": plain,
    }
    by_name = {(row.score, row.network): row for row in result.rows}
    for name in ("random-labels", "random-pixels"):  # which a score without data does not see
        assert by_name["synflow at init", name].verdict == "identical"
        assert by_name["snip at init", name].verdict != "identical"
    assert result.family == 7 + 7 + 4
    for row in result.rows:
        ticket = by_name[row.score, "ticket"]
        if row.gain is not None:
            assert row.gain == pytest.approx(ticket.accuracy - row.accuracy)
    table = (made.folder / "tables/sanity.csv").read_text("utf-8").splitlines()
    assert len(table) == 1 + 3
    assert "minus random-pixels (points)" in table[0]
    assert check(runs, made.folder).findings[0].resumed


def test_what_two_scores_have_in_common_is_trained_once(made: ticket_hub.AnalyzeResult) -> None:
    experiments = sorted(made.folder.glob("sanity-*"))
    assert len(experiments) == 3
    for folder in experiments:  # and says alone what all of them came to together
        assert {each.verdict.family for each in read_experiment(folder).levels} == {7 + 7 + 4}
    compared = ticket_hub.compare(experiments)  # each is an experiment like any other
    masks = [study.levels[0].networks["random-erk"] for study in compared.studies.values()]
    assert masks[0].outcome.accuracy == masks[1].outcome.accuracy
    notes = len([*(made.folder / "shared").iterdir()])
    assert notes < 3 * (8 + 6 + 5)  # three trials each, of which random masks are the same


def test_tickets_of_other_data_are_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    other = ticket_hub.find(
        tiny_recipe(trials=3),
        changes=EARLY | {"data.split_seed": 1, "pruning.criterion": "snip"},
        run_folder=tmp_path / "other",
        workers=1,
    )
    with pytest.raises(EvidenceError, match="other data"):
        ticket_hub.analyze(
            f"{runs['snip']}:1",
            only=["sanity"],
            others=[f"{other.bundle}:1"],
            folder=tmp_path / "out",
            workers=1,
        )


def test_the_networks_of_all_tickets_are_counted_before_they_train(runs: dict[str, Path]) -> None:
    others = [f"{runs[name]}:1" for name in ("synflow", "trained")]
    for names, count in (((), 1), (others, 3)):
        plan = plan_analyses(f"{runs['snip']}:1", only=["sanity", "overlap"], others=names)
        assert {each.name: plan.networks(each) for each in plan.analyses} == {
            "sanity": 8 * 3 * count,
            "overlap": 0,
        }


def test_eight_networks_a_trial_are_trained_only_where_they_are_asked_for() -> None:
    assert "sanity" not in {each.name for each in chosen(())}
    assert "sanity" in {each.name for each in chosen(["training"])}
    assert [each.name for each in chosen(["sanity"])] == ["sanity"]
