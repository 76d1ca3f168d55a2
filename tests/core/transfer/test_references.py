"""What one would use instead of a ticket: magnitude pruning with fine-tuning, the own ticket."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import ticket_hub
from tests.helpers.runs import files
from ticket_hub.bundle import content_of, open_bundle, write_bundle
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.errors import EvidenceError, RecipeError, RunError, RunMismatchError, StoppedError
from ticket_hub.recipe.axes import CONTROLS
from ticket_hub.transfer import RetrainResult, register_control, retrain, transfer_tickets
from ticket_hub.transfer.folder import ExperimentFolder
from ticket_hub.types import Mask, Weights

BUDGET = 60
CHANGES = {"training.iterations": BUDGET, "training.evaluate_every": 20}


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A search on digits, and one that begins elsewhere: the target's own."""
    runs = []
    for seed in (0, 100):
        changes = {
            "network.name": "lenet-24",
            "training.iterations": 60,
            "training.evaluate_every": 20,
            "training.backend": "stack",
            "search.levels": 3,
            "search.trials": 3,
            "search.seed": seed,
        }
        run = tmp_path_factory.mktemp("searches") / f"from-{seed}"
        runs.append(ticket_hub.find("digits-quick", changes=changes, run_folder=run, workers=1).run)
    return runs[0], runs[1]


def experiment(
    tickets: tuple[Path, Path],
    place: Path,
    **given: Any,  # noqa: ANN401 - as retrain takes them
) -> RetrainResult:
    settings: dict[str, Any] = {"trials": 3, "changes": CHANGES, "workers": 1, "run_folder": place}
    return retrain(f"{tickets[0]}:2,3", **settings | given)


def record(result: RetrainResult) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((result.run / "evidence.json").read_bytes())
    return table


def test_finetuning_has_twice_the_budget_and_the_record_says_so(
    tickets: tuple[Path, Path], tmp_path: Path
) -> None:
    result = experiment(tickets, tmp_path / "run", against=["reinit", "finetune", "dense"])
    assert record(result)["budgets"] == {
        "ticket": BUDGET,
        "reinit": BUDGET,
        "finetune": {
            "dense": BUDGET,
            "pruned": BUDGET,
            "criterion": "magnitude",
            "scope": "layerwise",
        },
        "dense": BUDGET,
    }
    for level in result.levels:
        for tuned, own in zip(level.results["finetune"], level.results["ticket"], strict=True):
            assert tuned.curves.iterations.tolist() == [BUDGET + i for i in (0, 20, 40, 60)]
            assert tuned.early_stop >= BUDGET
            assert (tuned.kept, tuned.seed) == (own.kept, None)


def test_finetuning_goes_on_from_the_trained_dense_network(
    tickets: tuple[Path, Path], tmp_path: Path
) -> None:
    result = experiment(tickets, tmp_path / "run", against=["finetune", "dense"])
    (level, _) = result.levels
    for tuned, dense in zip(level.results["finetune"], level.results["dense"], strict=True):
        before = float(dense.curves.test_accuracy[-1])
        pruned = float(tuned.curves.test_accuracy[0])
        assert pruned > 0.5 * before  # what is left of it works already
        kept = ExperimentFolder(result.run).read_dense(tuned.trial)
        assert kept is not None
        assert kept.iterations == BUDGET


@pytest.mark.parametrize("against", [["finetune"], ["finetune", "dense"], ["dense", "finetune"]])
def test_finetuning_is_the_same_whoever_else_is_trained(
    against: list[str], tickets: tuple[Path, Path], tmp_path: Path
) -> None:
    alone = experiment(tickets, tmp_path / "alone", against=["finetune"])
    place = tmp_path / "run"
    if against[0] == "dense":  # its weights were not kept the first time
        experiment(tickets, place, against=["dense"])
    result = experiment(tickets, place, against=against)
    for one, two in zip(alone.levels, result.levels, strict=True):
        for first, second in zip(one.results["finetune"], two.results["finetune"], strict=True):
            assert torch.equal(first.curves.test_loss, second.curves.test_loss)
    assert {name: digest for name, digest in files(place).items() if "results" in name} == {
        name: digest for name, digest in files(alone.run).items() if "results" in name
    }


@pytest.mark.parametrize("readings", [1, 14, 40])
def test_finetuning_that_was_stopped_ends_with_the_same_files(
    readings: int, tickets: tuple[Path, Path], tmp_path: Path
) -> None:
    seen: list[object] = []
    with pytest.raises(StoppedError):
        experiment(
            tickets,
            tmp_path / "stopped",
            against=["finetune"],
            observe=seen.append,
            should_stop=lambda: len(seen) >= readings,
        )
    again = experiment(tickets, tmp_path / "stopped", against=["finetune"])
    whole = experiment(tickets, tmp_path / "whole", against=["finetune"])
    assert files(again.run) == files(whole.run)


def test_a_damaged_dense_network_is_named(tickets: tuple[Path, Path], tmp_path: Path) -> None:
    result = experiment(tickets, tmp_path / "run", against=["finetune"], trials=1)
    (result.run / "results/002/finetune-0.json").unlink()
    path = result.run / "dense/0/weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(RunError, match="damaged"):
        experiment(tickets, tmp_path / "run", against=["finetune"], trials=1)


def test_the_own_ticket_is_that_of_the_nearest_density(
    tickets: tuple[Path, Path], tmp_path: Path
) -> None:
    result = experiment(tickets, tmp_path / "run", against=["dense"], own=tickets[1])
    own = open_bundle(tickets[1] / "bundle").manifest
    about = record(result)["own"]
    assert about["bundle"] == own.id
    assert about["levels"] == {"2": 2, "3": 3}
    for level in result.levels:
        ids = [each.id for each in own.levels[level.level].tickets]
        assert [each.ticket for each in level.results["own"]] == ids
        assert [each.control for each in level.verdict.comparisons] == ["own", "dense"]


def test_an_own_ticket_that_is_the_ticket_makes_no_difference(
    tickets: tuple[Path, Path], tmp_path: Path
) -> None:
    result = experiment(tickets, tmp_path / "run", against=["reinit"], own=tickets[0])
    for level in result.levels:
        found = level.comparison("own")
        assert found is not None
        assert found.difference.mean == 0
        assert not found.holds  # a measurement that was copied shows nothing


def test_references_are_not_to_be_beaten_and_count_in_the_family(
    tickets: tuple[Path, Path], tmp_path: Path
) -> None:
    few = experiment(tickets, tmp_path / "run", against=["reinit", "dense"])
    more = experiment(
        tickets, tmp_path / "run", against=["reinit", "finetune", "dense"], own=tickets[1]
    )
    for one, two in zip(few.levels, more.levels, strict=True):
        assert [each.control for each in two.verdict.comparisons] == [
            "reinit",
            "finetune",
            "own",
            "dense",
        ]
        for control in ("reinit", "dense"):
            first, second = one.comparison(control), two.comparison(control)
            assert first is not None
            assert second is not None
            assert second.difference == first.difference
            assert second.p >= first.p


def test_own_without_an_address_is_refused(tickets: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="own ticket"):
        experiment(tickets, tmp_path / "run", against=["own"])
    with pytest.raises(RecipeError, match="own ticket"):
        transfer_tickets([tickets[0]], ["digits"], against=["own"])
    with pytest.raises(RecipeError, match="none of the data sets"):
        transfer_tickets([tickets[0]], ["digits"], own={"mnist": tickets[1]})


def test_own_tickets_of_other_data_networks_or_densities_are_refused(
    tickets: tuple[Path, Path], tmp_path: Path
) -> None:
    other = ticket_hub.find(
        "digits-quick",
        changes={"network.name": "lenet-8", "training.iterations": 20, "search.levels": 1},
        run_folder=tmp_path / "other",
        workers=1,
    ).run
    with pytest.raises(EvidenceError, match="another network"):
        experiment(tickets, tmp_path / "run", own=other)
    with pytest.raises(EvidenceError, match=r"keeps 66\.27% of its weights"):
        experiment(tickets, tmp_path / "run", own=f"{tickets[1]}:1")
    with pytest.raises(EvidenceError, match="found on 'digits'"):
        experiment(tickets, tmp_path / "run", own=tickets[1], dataset="mnist")
    assert not (tmp_path / "run").exists()


def test_another_own_ticket_needs_another_folder(
    tickets: tuple[Path, Path], tmp_path: Path
) -> None:
    experiment(tickets, tmp_path / "run", trials=1, own=tickets[1])
    with pytest.raises(RunMismatchError, match="measured with ticket"):
        experiment(tickets, tmp_path / "run", trials=1, own=tickets[0])


def test_a_transfer_trains_references_and_shares_dense_networks_with_their_weights(
    tickets: tuple[Path, Path], tmp_path: Path
) -> None:
    content = content_of(open_bundle(tickets[0] / "bundle"))
    flipped = [
        dataclasses.replace(
            level, masks=tuple({n: keep.flip(0) for n, keep in m.items()} for m in level.masks)
        )
        for level in content.levels
    ]
    write_bundle(tmp_path / "twin", dataclasses.replace(content, levels=tuple(flipped)))
    result = transfer_tickets(
        [tickets[0], tmp_path / "twin"],
        ["digits"],
        levels="3",
        against=["finetune", "dense"],
        own={"digits": tickets[1]},
        trials=2,
        changes=CHANGES,
        workers=1,
        run_folder=tmp_path / "run",
    )
    assert result.matrix.controls == ("finetune", "dense", "own")
    first, second = (ExperimentFolder(result.run / cell.run) for cell in result.matrix.cells)
    assert first.path != second.path
    for trial in range(2):
        one, two = first.read_dense(trial), second.read_dense(trial)
        assert one is not None
        assert two is not None
        assert all(torch.equal(one.weights[name], two.weights[name]) for name in one.weights)


def test_a_control_of_trained_weights_may_ask_what_the_ticket_begins_with(
    tickets: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CONTROLS, "_known", {**CONTROLS._known})
    given: list[tuple[Weights, Weights]] = []

    @register_control("between")
    def between(ticket: TicketContent, trained: Weights, begun: Weights) -> tuple[Weights, Mask]:
        given.append((begun, ticket.theta0))
        return trained, ticket.mask

    retrain(
        f"{tickets[0]}:1",
        against=["between"],
        start="signed",
        trials=1,
        changes=CHANGES,
        run_folder=tmp_path / "run",
        workers=1,
    )
    (begun, theta0), *_ = given
    mask = open_bundle(tickets[0] / "bundle").ticket(1, 0).mask
    for name, keep in mask.items():
        assert torch.equal(begun[name][keep].sign(), theta0[name][keep].sign())
        assert not torch.equal(begun[name][keep], theta0[name][keep])
