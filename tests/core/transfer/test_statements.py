"""What an experiment says: n of what, after which correction, by which rule, which budgets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import ticket_hub
from ticket_hub.bundle import open_bundle
from ticket_hub.bundle.card_experiments import experiments_section
from ticket_hub.comparison.numbers import numbers
from ticket_hub.data import load
from ticket_hub.errors import RecipeError
from ticket_hub.recipe import load_recipe
from ticket_hub.report.runs import report_run
from ticket_hub.training import Member, Trainer
from ticket_hub.transfer import RetrainResult, read_matrix, retrain, transfer_tickets
from ticket_hub.transfer.evidence_of_runs import record_of
from ticket_hub.transfer.first_steps import ORDER, first_training
from ticket_hub.transfer.start import make_start
from ticket_hub.transfer.stored import read_experiment

BUDGET, REWOUND = 60, 20
CHANGES = {"training.iterations": BUDGET, "training.evaluate_every": 20}
SEARCH = {
    **CHANGES,
    "network.name": "lenet-24",
    "training.backend": "stack",
    "search.levels": 2,
    "search.trials": 1,
    "search.rewind": f"{REWOUND}it",
}


@pytest.fixture(scope="module")
def rewound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of one trial whose tickets are rewound to iteration 20."""
    run = tmp_path_factory.mktemp("rewound") / "run"
    return ticket_hub.find("digits-quick", changes=SEARCH, run_folder=run, workers=1).run


@pytest.fixture(scope="module")
def result(rewound: Path, tmp_path_factory: pytest.TempPathFactory) -> RetrainResult:
    """Its ticket, trained three times."""
    place = tmp_path_factory.mktemp("retrained") / "run"
    return retrain(f"{rewound}:1,2", trials=3, run_folder=place, workers=1, who="Ada")


def evidence(run: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((run / "evidence.json").read_bytes())
    return table


def test_runs_of_one_ticket_are_not_counted_as_tickets(result: RetrainResult) -> None:
    for level in result.levels:
        assert (level.verdict.n, level.verdict.tickets) == (3, 1)
        assert "n = 3 runs of 1 ticket" in level.verdict.reason
    table = evidence(result.run)
    assert {each["verdict"]["tickets"] for each in table["levels"]} == {1}
    assert {each["networks"]["ticket"]["tickets"] for each in table["levels"]} == {1}
    assert "| 3 runs of 1 ticket |" in (result.run / "comparisons.md").read_text()
    assert {row["tickets"] for row in numbers(result.run)} == {1}
    report_run(result.run, result.run / "report", ["html"])
    assert "n = 3 runs of 1 ticket" in (result.run / "report/report.html").read_text()
    card = "\n".join(experiments_section([record_of(result.run)]))
    assert "| 3 runs of 1 ticket |" in card
    assert "corrected for 4 comparisons" in card


def test_levels_and_controls_of_one_command_are_one_family(result: RetrainResult) -> None:
    assert {level.verdict.family for level in result.levels} == {4}
    assert "corrected for 4 comparisons" in result.levels[0].verdict.reason
    each = evidence(result.run)["levels"][0]["verdict"]["comparisons"][0]
    assert each["p"] >= each["p_uncorrected"]
    assert each["p_worse"] >= each["p_worse_uncorrected"]


def test_margin_and_alpha_are_recorded_and_hold_where_the_experiment_is_read_again(
    rewound: Path, result: RetrainResult
) -> None:
    other = retrain(
        f"{rewound}:1,2", trials=3, run_folder=result.run, workers=1, margin=0.05, alpha=0.2,
        who="Ada",
    )  # fmt: skip
    assert evidence(result.run)["rule"] == {"margin": 0.05, "alpha": 0.2, "beside": []}
    assert "margin 5 points, alpha 0.2" in other.levels[0].verdict.reason
    assert other.levels[0].spans == "80%"
    stored = read_experiment(result.run)
    assert [each.verdict for each in stored.levels] == [each.verdict for each in other.levels]
    assert "margin 5 points, alpha 0.2" in "".join(experiments_section([record_of(result.run)]))
    retrain(f"{rewound}:1,2", trials=3, run_folder=result.run, workers=1, who="Ada")


@pytest.mark.parametrize("given", [{"margin": -0.1}, {"margin": 0.5}, {"alpha": 0}, {"alpha": 0.9}])
def test_a_margin_or_an_alpha_that_cannot_be_is_refused(
    rewound: Path, given: dict[str, Any]
) -> None:
    with pytest.raises(RecipeError, match="cannot be"):
        retrain(rewound, **given)


def test_evidence_that_says_neither_rule_nor_budgets_in_all_is_read_as_before(
    result: RetrainResult, tmp_path: Path
) -> None:
    before = evidence(result.run)
    table = {key: before[key] for key in before if key not in {"rule", "iterations_in_all"}}
    table["request"] = {key: before["request"][key] for key in ("levels", "controls", "trials")}
    run = tmp_path / "run"
    (run / "results").mkdir(parents=True)
    for name in ("experiment.json", "environment.json"):
        (run / name).write_bytes((result.run / name).read_bytes())
    (run / "evidence.json").write_text(json.dumps(table))
    (run / "results").rmdir()
    (run / "results").symlink_to(result.run / "results")
    assert [each.verdict for each in read_experiment(run).levels] == [
        each.verdict for each in result.levels
    ]
    assert record_of(run, by="Ada").iterations_in_all == {}


def test_one_test_example_that_weighs_more_than_half_of_the_margin_is_named(
    result: RetrainResult,
) -> None:
    assert result.test_examples == 360
    assert "One of the 360 test examples is 0.28 points" in result.rule.coarse_note(360)
    assert result.rule.coarse_note(10_000) == result.rule.coarse_note(None) == ""
    assert "One of the 360 test examples" in (result.run / "comparisons.md").read_text()


def test_fresh_weights_have_as_many_iterations_behind_them_as_a_rewound_ticket(
    result: RetrainResult,
) -> None:
    table = evidence(result.run)
    each = {"before": REWOUND, "iterations": BUDGET}
    assert table["budgets"] == {"ticket": each, "reinit": each, "dense": each}
    assert set(table["iterations_in_all"].values()) == {REWOUND + BUDGET}
    assert "Budgets differ" not in (result.run / "comparisons.md").read_text()


def test_a_fresh_network_is_what_training_by_hand_makes_of_it(
    rewound: Path, result: RetrainResult
) -> None:
    ticket = open_bundle(rewound / "bundle").ticket(2, 0)
    spec, data = result.spec, load(result.spec.data, None)
    start = make_start("reinit", ticket, spec.network, spec.control_seed("reinit", 2, 0))
    seed = spec.trial_seed(0)
    with Trainer(data, workers=1) as trainer:
        member = Member(name="a", seed=seed, level=ORDER, weights=start.weights, mask=start.mask)
        first = first_training(spec.training, REWOUND)
        (begun,) = trainer.train(ticket.architecture, first, [member])
        then = Member(name="b", seed=seed, level=0, weights=begun.weights, mask=start.mask)
        (done,) = trainer.train(ticket.architecture, spec.training, [then])
    measured = result.levels[1].results["reinit"][0].curves
    assert torch.equal(done.curves.validation_loss, measured.validation_loss)


def test_fresh_weights_may_begin_at_their_initialization_and_the_tables_say_so(
    rewound: Path, result: RetrainResult, tmp_path: Path
) -> None:
    plain = retrain(
        f"{rewound}:2", against=["reinit", "dense"], trials=1, run_folder=tmp_path, workers=1,
        fresh="init",
    )  # fmt: skip
    assert plain.spec.fresh_iterations == ()
    assert plain.spec.digest != result.spec.digest
    budgets = evidence(tmp_path)["budgets"]
    assert budgets["reinit"] == {"before": 0, "iterations": BUDGET}
    assert budgets["ticket"] == budgets["dense"] == {"before": REWOUND, "iterations": BUDGET}
    note = "Budgets differ: iterations in all are reinit 60, and 80 of all others."
    assert note in (tmp_path / "comparisons.md").read_text()
    assert note in "".join(experiments_section([record_of(tmp_path, by="Ada")]))
    first = [each.results["reinit"][0].accuracy for each in (plain.levels[0], result.levels[1])]
    assert (
        plain.levels[0]
        .results["ticket"][0]
        .curves.validation_loss.equal(result.levels[1].results["ticket"][0].curves.validation_loss)
    )
    assert len(first) == 2


def test_all_cells_of_a_matrix_are_one_family(rewound: Path, tmp_path: Path) -> None:
    changes = {"digits:data.validation": 200}
    found = transfer_tickets(
        [f"{rewound}:1,2"], ["digits"], trials=3, workers=1, run_folder=tmp_path / "run",
        changes=CHANGES | changes, alpha=0.1,
    )  # fmt: skip
    matrix = read_matrix(found.run)
    assert (matrix.family, matrix.alpha) == (4, 0.1)
    assert {(cell.n, cell.tickets) for cell in matrix.cells} == {(3, 1)}
    assert all("n = 3 runs of 1 ticket" in cell.reason for cell in matrix.cells)
    assert "Holm's correction for 4 comparisons" in (found.run / "matrix.md").read_text()
    for cell in matrix.cells:
        stored = read_experiment(found.run / cell.run)
        (level,) = [each for each in stored.levels if each.level == cell.level]
        assert level.verdict.reason == cell.reason


def test_the_cells_of_several_data_sets_are_corrected_together(
    rewound: Path, tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    data = load(load_recipe("digits-quick").data, None)
    _write_pictures(pictures, data.test.inputs.numpy(), data.test.labels.tolist())
    found = transfer_tickets(
        [f"{rewound}:2"], ["digits", f"folder:{pictures}"], against=["reinit", "dense"], trials=3,
        workers=1, run_folder=tmp_path / "run", changes=CHANGES | {"data.validation": 40},
    )  # fmt: skip
    assert found.matrix.family == 4
    assert all("corrected for 4 comparisons" in cell.reason for cell in found.matrix.cells)
    for cell in found.matrix.cells:
        rule = evidence(found.run / cell.run)["rule"]
        assert len(rule["beside"]) == 2
        assert read_experiment(found.run / cell.run).levels[0].verdict.reason == cell.reason


def _write_pictures(folder: Path, images: Any, labels: list[int]) -> None:  # noqa: ANN401 - an array
    from PIL import Image

    for part, places in (("train", range(200)), ("test", range(200, 300))):
        for place in places:
            target = folder / part / str(labels[place])
            target.mkdir(parents=True, exist_ok=True)
            pixels = images[place][0].astype("uint8")
            Image.fromarray(pixels).save(target / f"{place}.png")
