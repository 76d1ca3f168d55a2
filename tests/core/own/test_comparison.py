from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import ticket_hub
from tests.helpers.own_loops import Net, train
from ticket_hub.bundle import content_of, open_bundle, write_bundle
from ticket_hub.errors import EvidenceError, NetworkError, RecipeError, TrainingError
from ticket_hub.own import Comparison
from ticket_hub.ticket import Ticket
from ticket_hub.transfer.stored import read_experiment
from ticket_hub.transfer.tables import rows

AGAINST = ["reinit", "shuffle", "random", "dense"]


def comparison(found: Path, folder: Path, **changes: Any) -> Comparison:  # noqa: ANN401
    given: dict[str, Any] = {"against": AGAINST, "trials": 3, "make_network": Net, "folder": folder}
    return Comparison(f"{found}:2", **(given | changes))


def test_every_control_is_trained_on_equal_terms_and_judged(found: Path, tmp_path: Path) -> None:
    compared = comparison(found, tmp_path / "run")
    begun: dict[tuple[str, int], Any] = {}
    for step in compared:
        weights = {name: value.clone() for name, value in step.module.state_dict().items()}
        begun[step.control, step.trial] = weights, step.mask, torch.rand(()).item()
        step.finish(test=train(step))
    assert {control for control, _ in begun} == {"ticket", *AGAINST}
    assert len(begun) == 15
    ticket = open_bundle(found / "bundle").ticket(2, 0)
    for trial in range(3):
        draws = {found[2] for (_, number), found in begun.items() if number == trial}
        assert len(draws) == 1
    weights, mask, _ = begun["ticket", 0]
    assert torch.equal(weights["0.weight"], ticket.theta0["0.weight"] * ticket.mask["0.weight"])
    assert all(bool(keep.all()) for keep in begun["dense", 0][1].values())
    assert torch.equal(begun["dense", 0][0]["0.weight"], ticket.theta0["0.weight"])
    assert torch.equal(begun["reinit", 0][1]["0.weight"], mask["0.weight"])
    assert not torch.equal(begun["reinit", 0][0]["0.weight"], weights["0.weight"])
    assert not torch.equal(begun["shuffle", 0][1]["0.weight"], mask["0.weight"])

    result = compared.result()
    (level,) = result.levels
    assert level.verdict.word is not None
    assert level.verdict.family == 4
    assert level.verdict.reason in result.table
    assert list(compared) == []
    record = json.loads((result.run / "evidence.json").read_text())
    assert record["experiment"]["spec"]["loop"]["metric"]["name"] == "accuracy"
    assert read_experiment(result.run).levels[0].verdict.reason == level.verdict.reason
    written = ticket_hub.report_run(result.run, tmp_path / "report", ["html", "svg"])
    assert {"report.html", "ladder.svg", "differences.svg"} <= {path.name for path in written}


def test_it_goes_on_where_it_was_and_with_more_trials(found: Path, tmp_path: Path) -> None:
    def walked(count: int, **changes: Any) -> list[tuple[str, int, float]]:  # noqa: ANN401
        seen = []
        for step in comparison(found, tmp_path / "run", against=["reinit"], **changes):
            score = train(step)
            seen.append((step.control, step.trial, score))
            if len(seen) > count:
                break
            step.finish(test=score)
        return seen

    first = walked(1, trials=2)
    with pytest.raises(EvidenceError, match="3 of 4 networks of this comparison are not finished"):
        comparison(found, tmp_path / "run", against=["reinit"], trials=2).result()
    second = walked(9, trials=2)
    assert second[0] == first[1]
    assert [name for name, _, _ in walked(9, trials=3)] == ["ticket", "reinit"]


def test_a_ticket_in_memory_is_compared_and_its_budget_is_said(found: Path, tmp_path: Path) -> None:
    ticket = Ticket.load(f"{found}:1", trial=2)
    compared = Comparison(
        ticket, against=["dense"], trials=3, make_network=Net, folder=tmp_path / "run"
    )
    for step in compared:
        assert torch.equal(step.mask["0.weight"], ticket.mask["0.weight"]) or step.density == 1
        step.finish(test=train(step, 4 if step.control == "dense" else 6))
    result = compared.result()
    record = json.loads((result.run / "evidence.json").read_text())
    assert record["iterations_in_all"] == {"ticket": 6, "dense": 4}
    assert "Budgets differ: iterations in all are" in result.table
    assert record["levels"][0]["networks"]["ticket"]["tickets"] == 1


def test_a_budget_that_nobody_counted_is_said_to_be_unknown(found: Path, tmp_path: Path) -> None:
    compared = comparison(found, tmp_path / "run", against=["dense"])
    for step in compared:
        step.finish(test=0.5 + 0.01 * step.trial)
    result = compared.result()
    assert "How many iterations each network had is not recorded." in result.table
    assert json.loads((result.run / "evidence.json").read_text())["iterations_in_all"] == {}


def test_its_evidence_joins_the_bundle_it_is_about(found: Path, tmp_path: Path) -> None:
    shutil.copytree(found, tmp_path / "copy")
    compared = comparison(tmp_path / "copy", tmp_path / "run", against=["reinit"], who="Ada")
    for step in compared:
        step.finish(test=train(step))
    result = compared.result()
    ticket_hub.push_bundle(
        tmp_path / "copy/bundle", "ann/own", hub=tmp_path / "hub", evidence=[result.run]
    )
    pulled = ticket_hub.pull_bundle("ann/own", hub=tmp_path / "hub")
    (record,) = open_bundle(pulled.folder).experiments()
    assert record.verdicts()[2].reason == result.levels[0].verdict.reason


@pytest.mark.parametrize(
    ("changes", "error", "about"),
    [
        ({"against": "reinit"}, RecipeError, "no list of controls"),
        ({"against": ["reint"]}, RecipeError, "There is no control 'reint'"),
        ({"against": ["finetune"]}, EvidenceError, "was trained before"),
        ({"against": ["invert"]}, EvidenceError, "scores"),
        ({"against": ["random-labels"]}, EvidenceError, "scores"),
        ({"against": ["permuted"]}, EvidenceError, "was trained before"),
        ({"against": ["mask-only"]}, EvidenceError, "the target's own search"),
        ({"trials": 0}, RecipeError, "cannot be 0 trials"),
        ({"trials": "3"}, RecipeError, "whole number"),
        ({"seed": 0.5}, RecipeError, "whole number"),
        ({"margin": 0.5}, RecipeError, "margin cannot be 0.5"),
        ({"make_network": None}, NetworkError, "its author's own function"),
        ({"make_network": lambda: Net(9)}, NetworkError, "another network than before"),
        ({"packages": ["no-such-package"]}, RecipeError, "no package"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    found: Path, tmp_path: Path, changes: dict[str, Any], error: type[Exception], about: str
) -> None:
    with pytest.raises(error, match=about):
        next(iter(comparison(found, tmp_path / "run", **changes)))


def test_a_control_that_cannot_be_made_is_refused_before_the_first_step(
    found: Path, tmp_path: Path
) -> None:
    content = content_of(open_bundle(found / "bundle"))
    write_bundle(tmp_path / "b", content, theta0="survivors")
    compared = Comparison(
        f"{tmp_path / 'b'}:2",
        against=["reinit", "shuffle"],
        trials=1,
        make_network=Net,
        folder=tmp_path / "run",
    )
    with pytest.raises(EvidenceError, match="'shuffle' needs dense theta0"):
        next(iter(compared))


def test_a_step_that_was_not_finished_is_begun_again(found: Path, tmp_path: Path) -> None:
    compared = comparison(found, tmp_path / "run")
    steps = iter(compared)
    next(steps)
    with pytest.raises(TrainingError, match="was not finished"):
        next(steps)
    assert next(iter(compared)).control == "dense"


def test_several_draws_of_a_control_are_averaged_for_each_ticket(
    found: Path, tmp_path: Path
) -> None:
    compared = comparison(found, tmp_path / "run", against=["reinit", "dense"], reinits=2)
    starts: list[float] = []
    scores: dict[int, list[float]] = {}
    for number, step in enumerate(compared):
        if step.control == "reinit":
            starts.append(float(step.module.state_dict()["0.weight"].sum()))
            scores.setdefault(step.trial, []).append(number / 100)
        step.finish(test=number / 100)
    assert len(set(starts)) == 6
    (level,) = compared.result().levels
    found_draws = next(row for row in rows([level]) if row.network == "reinit")
    assert (found_draws.n, found_draws.draws) == (3, 2)
    expected = sum(sum(each) / 2 for each in scores.values()) / 3
    assert found_draws.accuracy == pytest.approx(expected)
    with pytest.raises(RecipeError, match="draws anything"):
        comparison(found, tmp_path / "none", against=["dense"], reinits=2)
