from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.foreign import write_google
from tests.helpers.runs import files
from ticket_hub.bundle import BundleContent, content_of, open_bundle, write_bundle
from ticket_hub.bundle.record_reading import decode_record, encode_record
from ticket_hub.errors import (
    EvidenceError,
    RecipeError,
    RunError,
    RunMismatchError,
    StoppedError,
    TicketNotFoundError,
)
from ticket_hub.interop.importers import import_tickets
from ticket_hub.recipe import Recipe
from ticket_hub.report.runs import report_run
from ticket_hub.transfer import Result, RetrainResult, retrain
from ticket_hub.transfer.evidence_of_runs import add_evidence, record_of
from ticket_hub.transfer.folder import ExperimentFolder
from ticket_hub.transfer.planning import plan
from ticket_hub.transfer.sharing import push_bundle
from ticket_hub.transfer.terms import Terms
from ticket_hub.types import Weights

ALL = ["reinit", "reinit-same-sign", "shuffle", "random", "mask-only", "dense"]
SHORT = {"training.iterations": 20, "training.evaluate_every": 10}


def evidence(result: RetrainResult) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((result.run / "evidence.json").read_bytes())
    return table


def test_ticket_and_controls_are_trained_and_judged(found: Path, tmp_path: Path) -> None:
    result = retrain(f"{found}:3,5", against=ALL, trials=3, run_folder=tmp_path / "run", workers=1)
    assert [level.level for level in result.levels] == [3, 5]
    for level in result.levels:
        assert list(level.results) == ["ticket", *ALL]
        assert {len(results) for results in level.results.values()} == {3}
        assert level.verdict.word is not None
        assert [each.control for each in level.verdict.comparisons] == ALL
        kept = [[each.kept for each in level.results[name]] for name in ("ticket", *ALL[:-1])]
        assert all(counts == kept[0] for counts in kept)
        assert all(each.density == 1 for each in level.results["dense"])


def test_ticket_and_controls_of_a_trial_share_one_data_order_and_every_draw_is_recorded(
    found: Path, tmp_path: Path
) -> None:
    result = retrain(f"{found}:5", against=ALL, trials=2, run_folder=tmp_path / "run", workers=1)
    networks = evidence(result)["levels"][0]["networks"]
    orders = {name: [t["order_seed"] for t in each["trials"]] for name, each in networks.items()}
    assert len({tuple(order) for order in orders.values()}) == 1
    assert len(set(orders["ticket"])) == 2
    drawn = [t["seed"] for name in ALL[:4] for t in networks[name]["trials"]]
    assert len(set(drawn)) == len(drawn)
    assert all(isinstance(seed, int) for seed in drawn)
    assert [t["seed"] for name in ("ticket", "dense") for t in networks[name]["trials"]] == [
        None
    ] * 4


def test_the_evidence_says_whose_tickets_were_trained_on_what(found: Path, tmp_path: Path) -> None:
    result = retrain(f"{found}:5", trials=3, run_folder=tmp_path / "run", who="Ada", workers=1)
    table = evidence(result)
    manifest = open_bundle(found / "bundle").manifest
    assert table["who"] == "Ada"
    assert table["tickets"]["bundle"] == manifest.id
    assert table["experiment"]["digest"] == result.spec.digest
    assert table["experiment"]["data"]["fingerprint"] == manifest.data.fingerprint
    assert "torch" in table["environment"]
    (level,) = table["levels"]
    ids = [each.id for each in manifest.levels[5].tickets][:3]
    assert [trial["ticket"] for trial in level["networks"]["ticket"]["trials"]] == ids
    assert level["head"] == "keep"
    assert level["verdict"]["n"] == 3


def test_the_same_call_reads_what_is_there(found: Path, tmp_path: Path) -> None:
    first = retrain(f"{found}:5", trials=2, run_folder=tmp_path / "run", workers=1)
    before = files(first.run)
    seen: list[bool] = []
    again = retrain(
        f"{found}:5",
        trials=2,
        run_folder=tmp_path / "run",
        on_result=lambda result: seen.append(result.resumed),
        data_dir=tmp_path / "no data are needed",
    )
    assert files(again.run) == before
    assert seen == [True] * 6


def test_more_trials_levels_and_controls_go_on_in_the_same_folder(
    found: Path, tmp_path: Path
) -> None:
    place = tmp_path / "run"
    retrain(f"{found}:5", trials=2, run_folder=place, workers=1)
    fresh: list[tuple[int, str, int]] = []

    def note(result: Result) -> None:
        if not result.resumed:
            fresh.append((result.level, result.control, result.trial))

    retrain(
        f"{found}:5",
        against=["dense", "reinit", "random"],
        trials=3,
        run_folder=place,
        workers=1,
        on_result=note,
    )
    assert set(fresh) == {
        (0, "dense", 2),
        (5, "ticket", 2),
        (5, "reinit", 2),
        *((5, "random", trial) for trial in range(3)),
    }
    alone = retrain(
        f"{found}:5",
        against=["dense", "reinit", "random"],
        trials=3,
        run_folder=tmp_path / "alone",
        workers=1,
    )
    assert files(place) == files(alone.run)


def test_levels_are_one_population_and_come_to_what_each_comes_to_alone(
    found: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"trials": 2, "changes": SHORT, "workers": 1}
    given["against"] = ["reinit", "dense", "finetune"]
    seen: list[str] = []
    together = retrain(
        f"{found}:3,5",
        run_folder=tmp_path / "together",
        observe=lambda progress: seen.append(progress.member),
        on_result=lambda _: seen.append("result"),
        **given,
    )
    before_results = set(seen[: seen.index("result")])
    assert {"000/dense-0", "003/ticket-1", "005/reinit-0", "005/finetune-1"} <= before_results
    for level in ("3", "5"):
        retrain(f"{found}:{level}", run_folder=tmp_path / "alone", **given)
    results = [files(folder / "results") for folder in (together.run, tmp_path / "alone")]
    assert results[0] == results[1]

    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 12

    with pytest.raises(StoppedError):
        retrain(f"{found}:3,5", run_folder=tmp_path / "stopped", should_stop=stop, **given)
    assert {path.parent.name for path in (tmp_path / "stopped").rglob("*.safetensors")} >= {"005"}
    again = retrain(f"{found}:3,5", run_folder=tmp_path / "stopped", **given)
    assert files(again.run) == files(together.run)


@pytest.mark.parametrize("readings", [1, 9, 40])
def test_an_experiment_that_was_stopped_ends_with_the_same_evidence(
    readings: int, found: Path, tmp_path: Path
) -> None:
    whole = retrain(f"{found}:5", trials=3, run_folder=tmp_path / "whole", workers=1)
    seen: list[object] = []
    with pytest.raises(StoppedError):
        retrain(
            f"{found}:5",
            trials=3,
            run_folder=tmp_path / "stopped",
            workers=1,
            observe=seen.append,
            should_stop=lambda: len(seen) >= readings,
        )
    assert not (tmp_path / "stopped/evidence.json").exists()
    again = retrain(f"{found}:5", trials=3, run_folder=tmp_path / "stopped", workers=1)
    assert files(again.run) == files(whole.run)


def test_fewer_than_three_trials_give_no_verdict_but_say_how_many_would(
    found: Path, tmp_path: Path
) -> None:
    result = retrain(f"{found}:5", trials=2, run_folder=tmp_path / "run", workers=1)
    verdict = result.levels[0].verdict
    assert verdict.word is None
    assert "fewer than 3" in verdict.reason


def test_with_more_trials_than_the_bundle_has_its_tickets_are_taken_in_turn(
    found: Path, tmp_path: Path
) -> None:
    result = retrain(f"{found}:5", trials=7, run_folder=tmp_path / "run", workers=1)
    tickets = result.levels[0].results["ticket"]
    assert [each.origin for each in tickets] == [0, 1, 2, 3, 4, 0, 1]
    assert tickets[0].ticket == tickets[5].ticket
    assert len({each.order_seed for each in tickets}) == 7


def test_patience_stops_networks_and_leaves_their_early_stop(found: Path, tmp_path: Path) -> None:
    whole = retrain(f"{found}:5", trials=2, run_folder=tmp_path / "whole", workers=1)
    short = retrain(
        f"{found}:5",
        trials=2,
        changes={"training.patience": 25, "training.lr": 0.05},
        run_folder=tmp_path / "short",
        workers=1,
    )
    steps = [int(r.curves.iterations[-1]) for r in short.levels[0].results["dense"]]
    assert min(steps) < 150
    assert whole.spec.digest != short.spec.digest


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"against": ["renit"]}, RecipeError, "'reinit'"),
        ({"against": []}, RecipeError, "no control"),
        ({"trials": 0}, RecipeError, "at least three"),
        ({"trials": 2.5}, RecipeError, "whole number"),
        ({"seed": 1.5}, RecipeError, "whole number"),
        ({"reinits": True}, RecipeError, "whole number"),
        ({"alpha": "0.05"}, RecipeError, "a number"),
        ({"against": ["ticket"]}, RecipeError, "no control of itself"),
        ({"changes": [("training.iterations", 3)]}, RecipeError, "no table"),
        ({"head": "behead"}, RecipeError, "reset-masked"),
        ({"changes": {"network.name": "conv-2"}}, RecipeError, "network and mask are given"),
        ({"changes": {"training.iteratons": 3}}, RecipeError, "training.iterations"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    arguments: dict[str, Any], kind: type[Exception], words: str, found: Path, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=words):
        retrain(f"{found}:5", run_folder=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def test_a_ticket_on_a_hub_is_pulled_and_its_evidence_says_from_which_commit(
    found: Path, tmp_path: Path
) -> None:
    hub = tmp_path / "hub"
    pushed = push_bundle(found / "bundle", "ann/digits", hub=hub)
    far = retrain("ann/digits:3,5", hub=hub, trials=2, run_folder=tmp_path / "far", workers=1)
    near = retrain(f"{found}:3,5", trials=2, run_folder=tmp_path / "near", workers=1)
    assert evidence(far)["tickets"]["pulled"] == f"ann/digits@{pushed.commit}"
    assert evidence(near)["tickets"]["pulled"] == ""
    assert evidence(far)["levels"] == evidence(near)["levels"]
    assert far.spec == near.spec


@pytest.mark.parametrize("level", ["0", "9", "3,9"])
def test_a_level_that_is_no_ticket_is_refused(level: str, found: Path, tmp_path: Path) -> None:
    with pytest.raises(TicketNotFoundError):
        retrain(f"{found}:{level}", run_folder=tmp_path)


def test_all_means_every_pruned_level(found: Path, tmp_path: Path) -> None:
    result = retrain(
        f"{found}:all", against=["reinit"], trials=1, run_folder=tmp_path / "run", workers=1
    )
    assert [level.level for level in result.levels] == [1, 2, 3, 4, 5]


def test_the_folder_of_another_experiment_is_refused(found: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    retrain(f"{found}:5", against=["reinit"], trials=1, run_folder=place, workers=1)
    with pytest.raises(RunMismatchError, match="another experiment"):
        retrain(f"{found}:5", against=["reinit"], trials=1, seed=1, run_folder=place)
    with pytest.raises(RunError, match="no experiment"):
        retrain(f"{found}:5", run_folder=found)


def test_tickets_of_other_scores_are_trained_in_another_folder(
    found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKET_HOME", str(tmp_path))
    content = inverted(content_of(open_bundle(found / "bundle")))
    assert isinstance(content.recipe, Recipe)
    other = content.recipe.replace({"pruning.criterion": "magnitude-increase"})
    write_bundle(tmp_path / "other", dataclasses.replace(content, recipe=other))
    plans = [plan(f"{place}:5") for place in (found, tmp_path / "other")]
    assert plans[0].spec == plans[1].spec
    assert plans[0].run_folder != plans[1].run_folder
    assert plan(f"{found}:3", Terms(trials=7)).run_folder == plans[0].run_folder
    before = tmp_path / "runs" / plans[0].spec.run_name  # as folders were named once
    before.mkdir(parents=True)
    header = {"format": 1, "digest": plans[0].spec.digest, "bundle": plans[0].source.id}
    (before / "experiment.json").write_text(json.dumps(header))
    assert plans[0].run_folder == before
    assert plans[1].run_folder != before


def test_a_damaged_result_is_named_and_made_again_once_removed(found: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    retrain(f"{found}:5", trials=2, run_folder=place, workers=1)
    before = files(place)
    victim = place / "results/005/reinit-1.json"
    victim.write_text(victim.read_text().replace('"kept": ', '"kept": 1'))
    with pytest.raises(RunError, match=r"reinit-1\.json is damaged"):
        retrain(f"{found}:5", trials=2, run_folder=place)
    victim.unlink()
    retrain(f"{found}:5", trials=2, run_folder=place, workers=1)
    assert files(place) == before


def test_a_bundle_of_survivors_is_refused_where_a_control_needs_more(
    found: Path, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "b", content_of(open_bundle(found / "bundle")), theta0="survivors")
    place = f"{tmp_path / 'b'}:best"
    with pytest.raises(EvidenceError, match="survivors only"):
        retrain(place, against=["dense"], trials=1, run_folder=tmp_path / "x", workers=1)
    retrain(place, against=["reinit", "random"], trials=1, run_folder=tmp_path / "y", workers=1)


Spoil = Callable[[BundleContent], BundleContent]


def inverted(content: BundleContent) -> BundleContent:
    """What a mask drops is kept, and what it keeps is dropped."""
    levels = [
        dataclasses.replace(
            level,
            masks=tuple({name: ~keep for name, keep in mask.items()} for mask in level.masks),
        )
        if level.index
        else level
        for level in content.levels
    ]
    return dataclasses.replace(content, levels=tuple(levels))


def permuted(content: BundleContent) -> BundleContent:
    """The values of theta0, at other places within their layers."""
    generator = torch.Generator().manual_seed(0)
    layers = list(content.levels[0].masks[0])

    def move(theta0: Weights) -> Weights:
        moved = dict(theta0)
        for name in layers:
            order = torch.randperm(theta0[name].numel(), generator=generator)
            moved[name] = theta0[name].flatten()[order].view(theta0[name].shape)
        return moved

    trials = [dataclasses.replace(each, theta0=move(each.theta0)) for each in content.trials]
    return dataclasses.replace(content, trials=tuple(trials))


@pytest.mark.parametrize("level", [2, 5])
@pytest.mark.parametrize("spoil", [inverted, permuted])
def test_a_planted_loser_never_comes_out_as_winning(
    spoil: Spoil, level: int, found: Path, tmp_path: Path
) -> None:
    content = content_of(open_bundle(found / "bundle"))
    write_bundle(tmp_path / "spoiled", spoil(content.only(0, level)))
    result = retrain(
        f"{tmp_path / 'spoiled'}:{level}", trials=5, run_folder=tmp_path / "run", workers=1
    )
    (loser,) = result.levels
    assert loser.verdict.n == 5
    assert loser.verdict.word != "winning"


def test_placeholders_of_an_imported_ticket_are_never_trained_with(tmp_path: Path) -> None:
    write_google(tmp_path / "trial1", sizes=(64, 6, 5, 10), levels=2)
    import_tickets(tmp_path / "trial1", tmp_path / "bundle")
    with pytest.raises(RecipeError, match="not known"):
        plan(f"{tmp_path}/bundle:1")
    with pytest.raises(RecipeError, match="not known") as caught:
        plan(f"{tmp_path}/bundle:1", dataset="digits")
    assert "training.iterations" in caught.value.remedy
    changes = {
        "training.iterations": 20,
        "training.batch_size": 60,
        "training.optimizer": "adam",
        "training.lr": 1e-3,
        "training.evaluate_every": 10,
        "data.validation": 200,
    }
    found = plan(f"{tmp_path}/bundle:1", Terms(changes=changes), dataset="digits")
    assert found.spec.training.iterations == 20


def test_signed_tickets_begin_with_signs_over_fresh_sizes_and_the_record_says_so(
    found: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"trials": 2, "workers": 1, "changes": SHORT}
    against = ["reinit", "reinit-same-sign", "random-signs"]
    plain = retrain(f"{found}:5", against=["reinit"], run_folder=tmp_path / "plain", **settings)
    signed = retrain(
        f"{found}:3,5", against=against, start="signed", run_folder=tmp_path / "signed", **settings
    )
    assert signed.spec.digest != plain.spec.digest
    assert "start" not in plain.spec.to_table()
    assert evidence(signed)["experiment"]["spec"]["start"] == "signed"
    seeds = [[t.seed for t in level.results["ticket"]] for level in signed.levels]
    assert seeds[0] == seeds[1] != [None, None]
    (one,), two = plain.levels, signed.levels[1]
    starts = {name: [each.start for each in results] for name, results in two.results.items()}
    assert len({start for some in starts.values() for start in some}) == 2 * len(starts)
    assert starts["ticket"] != [each.start for each in one.results["ticket"]]
    assert starts["reinit"] == [each.start for each in one.results["reinit"]]
    assert "signs of theta0" in (signed.run / "comparisons.md").read_text()
    assert "signs of theta0" not in (plain.run / "comparisons.md").read_text()
    copy = tmp_path / "bundle"
    shutil.copytree(found / "bundle", copy)
    add_evidence(copy, [signed.run], by="Ada")
    (record,) = open_bundle(copy).experiments()
    assert record.spec == signed.spec
    assert "signs of theta0 over fresh sizes" in (copy / "README.md").read_text()


def test_a_policy_for_the_start_that_is_not_known_is_refused(found: Path) -> None:
    with pytest.raises(RecipeError, match="start policy 'sign'"):
        plan(f"{found}:5", Terms(start="sign"))


def test_permuted_masks_wait_for_two_dense_networks_and_go_on(found: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"trials": 2, "workers": 1, "changes": SHORT}
    place = tmp_path / "run"
    calls: list[int] = []
    with pytest.raises(StoppedError):
        retrain(
            f"{found}:3,5",
            against=["permuted"],
            run_folder=place,
            should_stop=lambda: calls.append(1) or len(calls) > 12,  # type: ignore[func-returns-value]
            **settings,
        )
    result = retrain(f"{found}:3,5", against=["permuted"], run_folder=place, **settings)
    straight = retrain(
        f"{found}:3,5", against=["permuted"], run_folder=tmp_path / "straight", **settings
    )
    assert files(result.run) == files(straight.run)
    masks = {each.kept for level in result.levels for each in level.results["permuted"]}
    assert masks == {each.kept for level in result.levels for each in level.results["ticket"]}
    seeds = [[t.seed for t in level.results["permuted"]] for level in result.levels]
    assert seeds[0] == seeds[1]  # one initialization: the levels are of one network
    for trial in range(2):
        one, other = (
            ExperimentFolder(result.run).read_dense(trial, name)
            for name in ("dense", "dense-reinit")
        )
        assert one is not None
        assert other is not None
        assert one.iterations == other.iterations == 20
        assert not all(torch.equal(one.weights[n], other.weights[n]) for n in one.weights)


def test_several_draws_of_a_control_go_on_and_count_as_one_for_their_ticket(
    found: Path, tmp_path: Path
) -> None:
    call: dict[str, Any] = {"against": ["reinit", "dense"], "trials": 3, "workers": 1}
    once = retrain(f"{found}:5", **call, run_folder=tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run/results").rglob("*")}
    trained = list[str]()
    result = retrain(
        f"{found}:5",
        **call,
        run_folder=tmp_path / "run",
        reinits=2,
        on_result=lambda each: trained.append(each.control) if not each.resumed else None,
    )
    assert trained == ["reinit"] * 3
    after = {path: path.stat().st_mtime_ns for path in before if path.is_file()}
    assert after.items() <= before.items()
    (level,) = result.levels
    assert [(each.trial, each.draw) for each in level.results["reinit"]] == [
        (trial, draw) for trial in range(3) for draw in range(2)
    ]
    assert len({each.seed for each in level.results["reinit"]}) == 6
    orders = [[each.order_seed for each in level.results[name]] for name in ("ticket", "reinit")]
    assert [order for order in orders[0] for _ in range(2)] == orders[1]
    compared = level.comparison("reinit")
    assert compared is not None
    assert (compared.difference.n, compared.draws) == (3, 2)
    accuracies = [each.accuracy for each in level.results["reinit"]]
    means = [sum(accuracies[2 * trial : 2 * trial + 2]) / 2 for trial in range(3)]
    expected = sum(t.accuracy - m for t, m in zip(level.results["ticket"], means, strict=True)) / 3
    assert compared.difference.mean == pytest.approx(expected)
    assert "3 tickets, 2 reinitializations each" in (result.run / "comparisons.md").read_text()
    table = evidence(result)
    assert table["request"]["reinits"] == 2
    assert table["levels"][0]["networks"]["reinit"]["test_accuracy"]["n"] == 3
    record = record_of(result.run, by="Ada")
    assert decode_record(encode_record(record), source="it") == record
    assert record.verdicts()[5].comparisons == level.verdict.comparisons
    report = tmp_path / "report"
    report_run(result.run, report, ["csv", "html"])
    assert "2 reinitializations each" in (report / "report.html").read_text()
    assert once.levels[0].verdict.n == level.verdict.n


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (Terms(reinits=0), "0 times"),
        (Terms(reinits=101), "101 times"),
        (Terms(reinits=2, against=["dense"]), "drawn again"),
    ],
)
def test_draws_that_cannot_be_are_refused(terms: Terms, words: str, found: Path) -> None:
    with pytest.raises(RecipeError, match=words):
        plan(f"{found}:5", terms)
